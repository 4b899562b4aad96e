//! Images of the class made by the base model, for prior preservation.

use maud::html;

use super::section::{Page, Section};
use crate::report::style::shot::{Of, Shot};
use crate::text;

/// At most so many images are shown: more would only push the rest of the page away.
const SHOWN: usize = 20;

/// One strip per set of images; `None` without prior preservation.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let sets = &page.data.class_images;
    if sets.is_empty() {
        return None;
    }
    let html = html! {
        h2 { "Class images" }
        p {
            "Made by the base model and trained on beside the photos, so that the class keeps its meaning "
            "(prior preservation)."
        }
        @for (nth, set) in sets.iter().enumerate() {
            @if !set.label.is_empty() { h3 { (set.label) } }
            p.soft {
                (text::count(set.images.len(), "image"))
                @if let Some(p) = set.images.first() { " of “" bdi { (p.prompt) } "”" }
                @match set.cells.len() {
                    0 | 1 => {}
                    n if n == page.data.cells.len() => { ", shared by all " (n) " cells" }
                    n => { ", shared by " (n) " of " (page.data.cells.len()) " cells" }
                }
            }
            @if let Some(problem) = &set.problem { p.over { (problem.reason) } }
            ul.strip data-set="class" {
                @for p in set.images.iter().take(SHOWN) {
                    li { (Shot::below_prompt(p, Of::Class(nth), "class image").markup()) }
                }
            }
            @if set.images.len() > SHOWN { p.soft { (set.images.len() - SHOWN) " more in the images folder." } }
        }
    };
    Some(Section { id: "class-images", title: "Class images", html, markdown: String::new() })
}
