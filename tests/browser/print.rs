//! The page on paper: nothing cut, nothing folded away, no heaps of empty pages.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::layout::fits_now;
use crate::made::Made;
use crate::real::real;
use crate::tab::{Tab, Window};

/// A4, lying, in CSS pixels, without the margins.
const PAPER: Window = Window { width: 1043, height: 715 };

/// How many pages the PDF has.
fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}

/// The text of the PDF, if this machine can tell.
fn text(pdf: &[u8], folder: &Path) -> Option<String> {
    let file = folder.join("page.pdf");
    std::fs::write(&file, pdf).unwrap();
    match Command::new("pdftotext").args(["-layout".as_ref(), file.as_os_str(), "-".as_ref()]).output() {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => {
            crate::skipped("there is no pdftotext (Debian's poppler-utils): the text on paper was not read");
            None
        }
    }
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn on_paper_nothing_is_cut_and_everything_is_unfolded() {
    let Some(mut tab) = Tab::new() else { return };
    let many = Made { ranks: vec![4, 16], trainings: 2, seeds: 3, side: 64, ..Made::default() };
    for (report, most) in [(real(), 16), (many.write("paper"), 40)] {
        tab.emulate("print", "light");
        tab.resize(PAPER);
        tab.open(&report, "");
        tab.load_all();
        fits_now(&mut tab, &format!("{} on paper", report.display()));
        let folded = "[...document.querySelectorAll('main details:not(.controls *)')].filter((d) => \
            [...d.children].slice(1).some((e) => e.getClientRects().length === 0 && e.textContent.trim())) \
            .map((d) => d.querySelector('summary').textContent)";
        assert_eq!(tab.texts(folded), Vec::<String>::new(), "stays folded on paper");
        // The first and the last cell of every row of every table.
        let ends = tab.texts(
            "[...document.querySelectorAll('main tr')].flatMap((row) => [row.cells[0], [...row.cells].at(-1)])\
             .filter((c) => c && c.checkVisibility()).map((c) => c.innerText.trim().split('\\n')[0]).filter((t) => t)",
        );
        tab.emulate("", "light");
        let pdf = tab.print();
        let count = pages(&pdf);
        assert!((2..=most).contains(&count), "{}: {count} pages", report.display());
        let Some(text) = text(&pdf, tab.chrome().folder()) else { continue };
        let text = without_spaces(&text);
        let lost: Vec<&String> = ends.iter().filter(|end| !text.contains(&without_spaces(end))).collect();
        assert_eq!(lost, Vec::<&String>::new(), "{}: not on paper", report.display());
        assert_eq!(tab.eval("innerWidth"), Value::from(PAPER.width));
    }
}
