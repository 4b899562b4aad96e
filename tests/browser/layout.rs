//! Nothing is wider than the window but what scrolls sideways, and no column is too narrow for its words.

use std::path::Path;

use crate::made::Made;
use crate::real::real;
use crate::tab::{Tab, WINDOWS};

/// The browser's list of what is wrong.
const FAULTS: &str = include_str!("layout.js");

/// Insists that the page is well in all four windows, with everything that folds open.
#[track_caller]
pub(crate) fn fits(tab: &mut Tab, report: &Path) {
    for window in WINDOWS {
        tab.resize(window);
        tab.open(report, "");
        tab.eval("document.querySelectorAll('main details').forEach((d) => { d.open = true; }); 0");
        tab.settle();
        fits_now(tab, &format!("{} at {window:?}", report.display()));
    }
}

/// Insists that the page is well as it is.
#[track_caller]
pub(crate) fn fits_now(tab: &mut Tab, what: &str) {
    let faults = tab.texts(FAULTS);
    if !faults.is_empty() {
        let picture = tab.picture("layout");
        panic!("{what} (see {}):\n{}", picture.display(), faults.join("\n"));
    }
}

#[test]
fn the_report_of_a_run_fits_every_window() {
    let Some(mut tab) = Tab::new() else { return };
    fits(&mut tab, &real());
}

#[test]
fn many_cells_with_a_failed_one_fit_every_window() {
    let Some(mut tab) = Tab::new() else { return };
    let made = Made { ranks: vec![4, 16], trainings: 2, failed: true, side: 64, ..Made::default() };
    fits(&mut tab, &made.write("many"));
}
