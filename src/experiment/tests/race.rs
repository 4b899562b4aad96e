//! `[race]`.

use insta::assert_snapshot;

use super::{errors, load};
use crate::choice::RaceMeasure;
use crate::experiment::settings::Race;

#[test]
fn rungs_are_steps_or_shares_of_them() {
    let race = |text: &str| load(text).unwrap().settings.race;
    assert_eq!(race(""), None);
    assert_eq!(race("[race]\nrungs = []\nstop_values = true"), None);
    let text = "[train]\nsteps = 400\n[race]\nrungs = [0.125, 100, 0.5]";
    assert_eq!(
        race(text),
        Some(Race { rungs: vec![50, 100, 200], stop_values: false, measure: RaceMeasure::HeldOutLoss })
    );
    assert_eq!(race("[train]\nsteps = 400\n[race]\nrungs = 200\nstop_values = true").unwrap().rungs, [200]);
    // A share is one of each cell's own steps.
    let cells = load("[race]\nrungs = [0.5]\n[sweep]\ntrain.steps = [200, 400]").unwrap();
    let rungs: Vec<_> = cells.cells().iter().map(|cell| cell.settings.race.clone().unwrap().rungs).collect();
    assert_eq!(rungs, [[100], [200]]);
    let text = "[train]\nsteps = 400\n[race]\nrungs = 200\nmeasure = \"much-noise\"";
    assert_eq!(race(text).unwrap().measure, RaceMeasure::MuchNoise);
}

#[test]
fn rungs_that_are_wrong() {
    assert_snapshot!(errors("[train]\nsteps = 400\n[race]\nrungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]"), @"
    study.toml:5:10: `race.rungs` cannot be 60
     5 | rungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]
       |          ^^ expected a multiple of `evaluate.probe_every`, which is 50: a race goes by the probe loss

    study.toml:5:14: `race.rungs` cannot be 0.3: that is step 120 of 400
     5 | rungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]
       |              ^^^ expected a multiple of `evaluate.probe_every`, which is 50: a race goes by the probe loss

    study.toml:5:19: `race.rungs` cannot be 0
     5 | rungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]
       |                   ^ expected a step from 1 to 399, or a share of the steps, e.g. 0.25

    study.toml:5:22: `race.rungs` cannot be 400
     5 | rungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]
       |                      ^^^ expected a step from 1 to 399, or a share of the steps, e.g. 0.25

    study.toml:5:27: `race.rungs` cannot be 0.001: that is step 0.4 of 400
     5 | rungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]
       |                           ^^^^^ expected a step from 1 to 399, or a share of the steps, e.g. 0.25

    study.toml:5:34: `race.rungs` cannot be -1
     5 | rungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]
       |                                  ^^ expected a step from 1 to 399, or a share of the steps, e.g. 0.25

    study.toml:5:38: `race.rungs` cannot be 150.5
     5 | rungs = [60, 0.3, 0, 400, 0.001, -1, 150.5]
       |                                      ^^^^^ expected a step from 1 to 399, or a share of the steps, e.g. 0.25
    ");
    assert_snapshot!(errors("[train]\nsteps = 400\n[race]\nrungs = [200, 100]"), @"
    study.toml:5:15: rung 2 of `race.rungs` is not after rung 1
     5 | rungs = [200, 100]
       |               ^^^ expected steps in ascending order
    ");
    assert_snapshot!(errors("[race]\nrungs = [100]\n[evaluate]\nprobe_every = 0"), @"
    study.toml:3:10: `race.rungs` cannot be 100
     3 | rungs = [100]
       |          ^^^ expected `evaluate.probe_every` to be a number of steps: a race goes by the probe loss
    ");
    assert_snapshot!(errors("[dataset]\nheld_out = 0\n[race]\nrungs = ['half']\nstop_values = 1\n[sweep]\nrace.rungs = [[1]]"), @r#"
    study.toml:5:9: `race.rungs` cannot be ["half"]
     5 | rungs = ['half']
       |         ^^^^^^^^ expected a list of numbers

    study.toml:6:15: `race.stop_values` cannot be 1
     6 | stop_values = 1
       |               ^ expected true or false

    study.toml:8:6: `race.rungs` cannot be swept: all cells run one race
     8 | race.rungs = [[1]]
       |      ^^^^^
    "#);
    assert_snapshot!(errors("[race]\nrungs = [100]\nmeasure = 'much-nose'"), @r#"
    study.toml:4:11: `race.measure` cannot be "much-nose"
     4 | measure = 'much-nose'
       |           ^^^^^^^^^^^ expected held-out-loss, little-noise, middle-noise or much-noise
       = did you mean `much-noise`?
    "#);
    assert_snapshot!(errors("[race]\nrungs = [100]\nmeasure = 'much-noise'\n[evaluate]\nprobe_timesteps = 2"), @r#"
    study.toml:4:11: `race.measure` is about a third of the timesteps, but the probe has 2
     4 | measure = 'much-noise'
       |           ^^^^^^^^^^^^
       = set `evaluate.probe_timesteps` to at least 3, or leave `race.measure` at "held-out-loss"
    "#);
    assert_snapshot!(errors("[dataset]\nheld_out = 0\n[race]\nrungs = [100]"), @"
    study.toml:5:9: a race is judged on held-out photos
     5 | rungs = [100]
       |         ^^^^^
       = hold photos out with `dataset.held_out`, or remove `race.rungs`
    ");
}
