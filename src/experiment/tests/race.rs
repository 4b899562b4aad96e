//! `[race]`.

use insta::assert_snapshot;

use super::{errors, load};
use crate::experiment::settings::Race;

#[test]
fn rungs_are_steps_or_shares_of_them() {
    let race = |text: &str| load(text).unwrap().settings.race;
    assert_eq!(race(""), None);
    assert_eq!(race("[race]\nrungs = []\nstop_values = true"), None);
    let text = "[train]\nsteps = 400\n[race]\nrungs = [0.125, 100, 0.5]";
    assert_eq!(race(text), Some(Race { rungs: vec![50, 100, 200], stop_values: false }));
    assert_eq!(race("[train]\nsteps = 400\n[race]\nrungs = 200\nstop_values = true").unwrap().rungs, [200]);
    // A share is one of each cell's own steps.
    let cells = load("[race]\nrungs = [0.5]\n[sweep]\ntrain.steps = [200, 400]").unwrap();
    let rungs: Vec<_> = cells.cells().iter().map(|cell| cell.settings.race.clone().unwrap().rungs).collect();
    assert_eq!(rungs, [[100], [200]]);
}

#[test]
fn rungs_that_are_wrong() {
    assert_snapshot!(errors("[train]\nsteps = 400\n[race]\nrungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]"), @"");
    assert_snapshot!(errors("[train]\nsteps = 400\n[race]\nrungs = [200, 100]"), @"");
    assert_snapshot!(errors("[race]\nrungs = [100]\n[evaluate]\nprobe_every = 0"), @"");
    assert_snapshot!(errors("[dataset]\nheld_out = 0\n[race]\nrungs = ['half']\nstop_values = 1\n[sweep]\nrace.rungs = [[1]]"), @"");
    assert_snapshot!(errors("[dataset]\nheld_out = 0\n[race]\nrungs = [100]"), @"");
}
