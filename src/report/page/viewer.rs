//! The large view, which compares. Its script fills it; without JavaScript it stays shut, and links open the files.

use maud::{Markup, html};

/// A way to look at two images.
struct Mode {
    name: &'static str,
    key: &'static str,
    title: &'static str,
}

/// The first one shows one image.
const MODES: [Mode; 4] = [
    Mode { name: "one", key: "", title: "One" },
    Mode { name: "side", key: "C", title: "Side by side" },
    Mode { name: "slide", key: "S", title: "Slider" },
    Mode { name: "diff", key: "D", title: "Difference" },
];

/// What the keys do.
const KEYS: [(&str, &str); 16] = [
    ("← → ↑ ↓", "the next image along the row or the column"),
    ("[ ]", "the same image with other settings (the other tabs)"),
    (", .", "the same image after fewer or more training steps"),
    ("A", "mark this image as A, which stays"),
    ("B", "mark this image as B, which moves with the arrows"),
    ("X", "exchange A and B"),
    ("C", "A and B side by side"),
    ("S", "A and B under a slider"),
    ("D", "the difference of A and B: black is equal"),
    ("Space", "hold it to see the base model on the same noise"),
    ("L", "LoRA on and off, on the whole page"),
    ("0", "the whole image"),
    ("1", "one pixel of the image on one of the screen"),
    ("+ −", "larger, smaller; also the wheel, or two fingers"),
    ("?", "this help"),
    ("Esc", "close"),
];

/// The dialog at the end of the page.
pub(crate) fn dialog() -> Markup {
    html! {
        dialog id="box" aria-label="Large view" {
            div.view-bar {
                div.view-tools role="group" aria-label="Tools" {
                    button id="prev" type="button" aria-label="Previous image" title="Previous image (←)" { "←" }
                    button id="next" type="button" aria-label="Next image" title="Next image (→)" { "→" }
                    span.view-group role="group" aria-label="What is shown" {
                        @for mode in &MODES {
                            @let shown = if mode.name == "one" { "true" } else { "false" };
                            button type="button" data-mode=(mode.name) aria-pressed=(shown) {
                                (mode.title)
                                @if !mode.key.is_empty() { " " kbd { (mode.key) } }
                            }
                        }
                    }
                    span.view-group role="group" aria-label="Marks" {
                        button id="mark-a" type="button" title="Mark this image as A" { "A" }
                        button id="mark-b" type="button" title="Mark this image as B" { "B" }
                        button id="exchange" type="button" aria-label="Exchange A and B"
                            title="Exchange A and B (X)" { "⇄" }
                    }
                    button id="flick" type="button" title="Hold it to see the base model (Space)" { "Hold: base" }
                    button.toggle type="button" aria-pressed="false" { "LoRA on / off" }
                    span.view-group role="group" aria-label="Size" {
                        button id="fit" type="button" title="The whole image (0)" { "Fit" }
                        button id="full" type="button" title="Pixel by pixel (1)" { "100 %" }
                    }
                    button id="help" type="button" aria-expanded="false" aria-controls="keys" title="Keys (?)" { "?" }
                }
                button id="close" type="button" { "Close" }
            }
            div.view-body {
                div id="stage" tabindex="0" role="group" aria-label="The image; arrow keys move" {}
                section id="panel" tabindex="0" aria-label="About the image" {}
            }
            div id="keys" hidden {
                h2 { "Keys" }
                dl.set { @for (key, what) in KEYS { dt { kbd { (key) } } dd { (what) } } }
            }
            p id="view-said" role="status" {}
        }
    }
}
