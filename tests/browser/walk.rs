//! The page by keyboard alone.

use crate::real::real;
use crate::tab::Tab;

/// What has the focus, as far as a test asks.
const FOCUS: &str = "document.activeElement.className + ' ' + (document.activeElement.getAttribute('href') || '')";

#[test]
fn the_large_view_opens_moves_and_closes_by_keys() {
    let Some(mut tab) = Tab::new() else { return };
    tab.open(&real(), "");
    let mut steps = 0;
    while !tab.eval(FOCUS).as_str().unwrap().contains("shot") {
        tab.press("Tab");
        steps += 1;
        assert!(steps < 60, "no image is reached by the Tab key");
    }
    let visible = tab.eval("getComputedStyle(document.activeElement).outlineStyle");
    assert_ne!(visible, "none", "the focus is visible");
    tab.press("Enter");
    assert_eq!(tab.eval("document.getElementById('box').open"), true);
    let first = tab.eval("document.getElementById('view').src");
    tab.press("ArrowRight");
    let second = tab.eval("document.getElementById('view').src");
    assert_ne!(first, second);
    tab.press("ArrowLeft");
    assert_eq!(tab.eval("document.getElementById('view').src"), first);
    tab.press("ArrowRight");
    tab.press("Escape");
    assert_eq!(tab.eval("document.getElementById('box').open"), false);
    let reached = tab.eval("document.activeElement.href");
    assert_eq!(reached, second, "the focus is on the image that was last looked at");
    assert_eq!(tab.messages(), Vec::<String>::new());
}

#[test]
fn l_switches_the_adapter_off_everywhere_and_back() {
    let Some(mut tab) = Tab::new() else { return };
    tab.open(&real(), "");
    let sources = "[...document.querySelectorAll('#images .swap img')].map((i) => i.src)";
    let on = tab.texts(sources);
    assert!(!on.is_empty());
    tab.press("l");
    let off = tab.texts(sources);
    assert!(on.iter().zip(&off).all(|(on, off)| on != off), "{off:?}");
    tab.press("l");
    assert_eq!(tab.texts(sources), on);
}
