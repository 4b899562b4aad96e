//! A report opens from disk, quietly, and asks for nothing outside its folder.

use std::path::Path;

use crate::common::root;
use crate::made::Made;
use crate::real::real;
use crate::tab::{Tab, WINDOWS, address};

/// The largest page of a study like the demo: three sizes, three trainings each.
const MOST_BYTES: u64 = 250_000;

/// Opens a page with all its pictures and insists on silence.
#[track_caller]
fn opens_quietly(tab: &mut Tab, report: &Path) {
    tab.open(report, "");
    tab.load_all();
    assert_eq!(tab.messages(), Vec::<String>::new(), "{}", report.display());
    let folder = format!("{}/", address(report));
    let requests = tab.requests();
    let outside = |url: &&String| !url.starts_with(&folder) && !url.starts_with("data:") && !url.starts_with("blob:");
    assert_eq!(requests.iter().filter(outside).collect::<Vec<_>>(), Vec::<&String>::new());
    let broken = "[...document.images].filter((i) => i.hasAttribute('src') && !i.naturalWidth).map((i) => i.src)";
    assert_eq!(tab.texts(broken), Vec::<String>::new(), "these pictures do not load");
}

#[test]
fn a_report_opens_quietly_and_asks_only_for_its_own_files() {
    let Some(mut tab) = Tab::new() else { return };
    for window in [WINDOWS[0], WINDOWS[3]] {
        tab.resize(window);
        opens_quietly(&mut tab, &real());
    }
    let shown = tab.eval("[...document.images].filter((i) => i.naturalWidth).length").as_u64().unwrap();
    assert!(shown >= 16, "{shown} images of two cells, two seeds, and the base model");
    // With a theme chosen, with the other colours of the system, and with an address that means nothing.
    tab.emulate("", "dark");
    opens_quietly(&mut tab, &Made { ranks: vec![4, 16], failed: true, ..Made::default() }.write("quiet"));
    tab.open(&real(), "#v=nothing&t=%ff&nonsense");
    assert_eq!(tab.messages(), Vec::<String>::new());
}

#[test]
fn the_page_of_a_study_like_the_demo_is_small() {
    let made = Made { trainings: 3, side: 64, ..Made::default() }.write("demo-sized");
    for report in [made, root().join("reports/example")] {
        let page = report.join("index.html");
        let bytes = page.metadata().unwrap().len();
        assert!(bytes <= MOST_BYTES, "{} has {bytes} bytes", page.display());
    }
}
