//! Without JavaScript every image and every number is there.

use std::collections::BTreeSet;

use crate::made::Made;
use crate::real::real;
use crate::tab::Tab;

/// Opens what folds. Readers do that by a click, also without JavaScript.
const UNFOLD: &str = "document.querySelectorAll('main details, header details').forEach((d) => { d.open = true; }); 0";

/// The numbers in the text of the page that can be seen.
const NUMBERS: &str = r"[...new Set([...document.querySelectorAll('header.top, main > section:not(#judge)')]
    .map((e) => e.innerText).join(' ').match(/\d+(\.\d+)?/g))]";

/// The files of the images of the report, whose pictures or links can be seen.
const IMAGES: &str = "[...new Set([...document.querySelectorAll('main a[data-id], main img')] \
    .filter((e) => e.checkVisibility({ visibilityProperty: true })) \
    .flatMap((e) => [e.getAttribute('href'), e.getAttribute('src')]) \
    .filter((link) => link).map(decodeURIComponent))]";

#[test]
fn every_image_and_every_number_is_there_without_javascript() {
    let Some(mut tab) = Tab::new() else { return };
    let many = Made { ranks: vec![4, 16], trainings: 2, seeds: 3, side: 64, failed: true, ..Made::default() };
    for report in [real(), many.write("plain")] {
        tab.scripts(true);
        tab.open(&report, "");
        tab.eval(UNFOLD);
        let with: BTreeSet<String> = tab.texts(NUMBERS).into_iter().collect();
        assert!(with.len() > 20, "{with:?}");
        tab.scripts(false);
        tab.open(&report, "");
        tab.eval(UNFOLD);
        let without: BTreeSet<String> = tab.texts(NUMBERS).into_iter().collect();
        let lost: Vec<&String> = with.difference(&without).collect();
        assert_eq!(lost, Vec::<&String>::new(), "{}: only with JavaScript", report.display());

        let shown: BTreeSet<String> = tab.texts(IMAGES).into_iter().collect();
        let table = std::fs::read(report.join("images.csv")).unwrap();
        let mut table = csv::Reader::from_reader(&table[..]);
        let column = table.headers().unwrap().iter().position(|name| name == "file").unwrap();
        let files = table.records().map(|row| row.unwrap()[column].to_owned());
        let missing: Vec<String> = files.filter(|file| !shown.contains(file)).collect();
        assert_eq!(missing, Vec::<String>::new(), "{}: these images are not on the page", report.display());
        let dead = tab.texts(
            "[...document.querySelectorAll('button')].filter((b) => b.checkVisibility()) \
                              .map((b) => b.textContent)",
        );
        assert_eq!(dead, Vec::<String>::new(), "buttons that do nothing");
    }
}
