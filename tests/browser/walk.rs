//! The page by keyboard alone, and links that bring back what was seen.

use crate::made::Made;
use crate::real::real;
use crate::tab::Tab;

#[test]
fn the_large_view_opens_moves_and_closes_by_keys() {
    let Some(mut tab) = Tab::new() else { return };
    tab.open(&real(), "");
    let mut steps = 0;
    while tab.eval("document.activeElement.matches('[data-id]')") != true {
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
    let sources = "[...document.querySelectorAll('#images .grid [data-id^=c] img')].map((i) => i.src)";
    let on = tab.texts(sources);
    assert!(!on.is_empty());
    tab.press("l");
    let off = tab.texts(sources);
    assert!(on.iter().zip(&off).all(|(on, off)| on != off), "{off:?}");
    tab.press("l");
    assert_eq!(tab.texts(sources), on);
}

/// The names of the images that the comparison shows.
const SHOWN: &str = "[...document.querySelectorAll('#images .grid [data-id]')].map((a) => a.dataset.id)";

#[test]
fn arrows_walk_through_the_comparison() {
    let Some(mut tab) = Tab::new() else { return };
    tab.open(&real(), "");
    let stops = "[...document.querySelectorAll('#images .grid [data-id]')].filter((a) => a.tabIndex === 0).length";
    assert_eq!(tab.eval(stops), 1, "the images are one stop of the Tab key");
    tab.eval("document.querySelector('#images .grid [data-id][tabindex=\"0\"]').focus(); 0");
    let place = "document.activeElement.closest('tr').rowIndex + ' ' + document.activeElement.dataset.id";
    tab.press("Home");
    let first = tab.eval(place);
    tab.press("ArrowRight");
    let right = tab.eval(place);
    tab.press("ArrowDown");
    let below = tab.eval(place);
    assert!(first != right && right != below, "{first}, {right}, {below}");
    tab.press("ArrowUp");
    assert_eq!(tab.eval(place), right);
    tab.press("End");
    tab.press("Home");
    assert_eq!(tab.eval(place), first);
}

#[test]
fn tabs_and_sliders_work_by_keys_and_stand_in_the_link() {
    let Some(mut tab) = Tab::new() else { return };
    let made = Made { ranks: vec![4, 16], checkpoints: vec![100, 400], side: 64, ..Made::default() };
    let report = made.write("chosen");
    tab.open(&report, "");
    let first = tab.texts(SHOWN);
    // The ranks are tabs, the steps are a slider.
    tab.eval("document.querySelector('.controls [data-choice] input[type=radio]:checked').focus(); 0");
    tab.press("ArrowRight");
    let other_rank = tab.texts(SHOWN);
    assert_ne!(first, other_rank);
    tab.eval("document.querySelector('.controls input[type=range]').focus(); 0");
    tab.press("ArrowLeft");
    let earlier = tab.texts(SHOWN);
    assert!(earlier != other_rank && earlier != first);
    // The same slider from anywhere on the page.
    tab.press(".");
    assert_eq!(tab.texts(SHOWN), other_rank);
    tab.press(",");
    assert_eq!(tab.texts(SHOWN), earlier);
    let link = tab.eval("location.hash");
    tab.open(&report, link.as_str().unwrap());
    assert_eq!(tab.texts(SHOWN), earlier, "{link}");
    assert_eq!(tab.messages(), Vec::<String>::new());
}

#[test]
fn the_link_of_a_comparison_brings_it_back() {
    let Some(mut tab) = Tab::new() else { return };
    tab.open(&real(), "");
    tab.eval("document.querySelector('#images .grid [data-id^=c]').focus(); 0");
    tab.press("Enter");
    for (key, mode) in [("c", "side"), ("s", "slide"), ("d", "diff")] {
        tab.press(key);
        assert_eq!(tab.eval("document.getElementById('stage').dataset.mode"), mode);
    }
    tab.press("a");
    tab.press("ArrowRight");
    let seen = "[...document.querySelectorAll('#stage img')].map((i) => i.src)";
    let before = tab.texts(seen);
    let link = tab.eval("location.hash");
    assert!(link.as_str().unwrap().contains("v="), "{link}");
    tab.open(&real(), link.as_str().unwrap());
    assert_eq!(tab.eval("document.getElementById('box').open"), true, "{link}");
    assert_eq!(tab.texts(seen), before, "{link}");
    tab.press("Escape");
    assert_eq!(tab.eval("location.hash.includes('v=')"), false, "what is closed is not in the link");
}

#[test]
fn the_blind_test_goes_by_keys_and_keeps_the_votes() {
    let Some(mut tab) = Tab::new() else { return };
    tab.open(&real(), "");
    tab.eval(
        "[...document.querySelectorAll('#judge-test button')].find((b) => /Judge/.test(b.textContent)).focus(); 0",
    );
    tab.press("Enter");
    assert_eq!(tab.eval("document.querySelector('.judge-arena').hidden"), false);
    let names = "/photo|base|LoRA|rank/i.test(document.querySelector('.judge-duel').innerText)";
    assert_eq!(tab.eval(names), false, "nothing tells who made an image");
    for key in ["ArrowLeft", "ArrowRight", "="] {
        tab.press(key);
    }
    tab.press("Backspace");
    tab.eval("[...document.querySelectorAll('.judge-answers button')].at(-1).focus(); 0");
    tab.press("Enter");
    let told = "document.querySelector('.judge-result').textContent";
    let votes = tab.eval(told);
    assert!(votes.as_str().unwrap().contains("Your votes: 1"), "{votes}");
    tab.open(&real(), "");
    assert_eq!(tab.eval(told), votes, "they are there the next time");
    assert_eq!(tab.messages(), Vec::<String>::new());
}
