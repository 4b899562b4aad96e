//! Texts of the user stay texts, whatever is in them, and do not break the page.

use crate::layout::fits;
use crate::made::Made;
use crate::tab::{Tab, WINDOWS};

/// Markup, quotes, an end of the style and of the script, a picture that cannot be loaded.
const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)></style></script>&lt;${alert(3)}";

fn report(text: &str, name: &str) -> std::path::PathBuf {
    let made = Made { text: text.into(), ranks: vec![4, 16], side: 64, failed: true, ..Made::default() };
    made.write(name)
}

/// How many of each element that could do harm there are.
const HARMFUL: &str = "['script', 'iframe', 'object', 'embed', 'style', 'link', 'base', 'form'] \
    .map((kind) => kind + ' ' + document.querySelectorAll(kind).length)";

#[test]
fn markup_in_texts_stays_text() {
    let Some(mut tab) = Tab::new() else { return };
    tab.open(&report("harmless", "harmless"), "");
    let usual = tab.texts(HARMFUL);
    let hostile = report(MARKUP, "markup");
    tab.open(&hostile, "");
    tab.load_all();
    assert_eq!(tab.texts(HARMFUL), usual);
    assert_eq!(tab.messages(), Vec::<String>::new());
    assert!(tab.chrome().told("Page.javascriptDialogOpening").is_empty(), "a script of the text ran");
    assert_eq!(tab.eval("document.images.length"), tab.eval("document.querySelectorAll('img[alt]').length"));
    let title = tab.eval("document.querySelector('h1').textContent");
    assert!(title.as_str().unwrap().contains(MARKUP), "{title}");
    fits(&mut tab, &hostile);
}

#[test]
fn long_and_backward_texts_do_not_break_the_page() {
    let Some(mut tab) = Tab::new() else { return };
    let long = [&"x".repeat(10_000), &"many words ".repeat(900)[..], "\u{202e}backwards\u{2066} שלום عربي 写真"];
    for (index, text) in long.into_iter().enumerate() {
        let report = report(text, &format!("long-{index}"));
        fits(&mut tab, &report);
        for window in WINDOWS {
            tab.resize(window);
            tab.open(&report, "");
            image_is_large(&mut tab, &format!("text {index} at {window:?}"));
        }
    }
}

/// Opens the large view and insists that its image has at least 40 % of the area that it could have in this window.
#[track_caller]
fn image_is_large(tab: &mut Tab, what: &str) {
    tab.eval("document.querySelector('[data-id]').click(); 0");
    tab.load_all();
    tab.settle();
    let share = tab.eval(
        "(() => { const box = document.getElementById('view').getBoundingClientRect(); \
         return box.width * box.height / Math.min(innerWidth, innerHeight) ** 2; })()",
    );
    if share.as_f64().unwrap() < 0.4 {
        let picture = tab.picture("view");
        panic!("{what}: the image has {share} of the place (see {})", picture.display());
    }
}
