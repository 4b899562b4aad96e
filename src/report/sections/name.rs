//! Does the base model know the subject by its name?

use maud::html;

use super::section::{Page, Section};
use crate::report::data::Group;
use crate::report::style::shot::generated;

/// The base model's images of the name; `None` if there are none.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let sets = &page.data.baselines;
    if !sets.iter().flat_map(|set| &set.images).any(|p| p.group == Group::Baseline) {
        return None;
    }
    let html = html! {
        h2 { "Does the base model know it by name?" }
        @for set in sets {
            @if !set.label.is_empty() { h3 { (set.label) } }
            ul.strip.wide data-set="name" {
                @for (i, p) in set.images.iter().filter(|p| p.group == Group::Baseline).enumerate() {
                    li {
                        (generated(p, "base model", None, (0, i), None))
                        small.cap dir="auto" { (p.prompt) " · seed " (p.seed) }
                    }
                }
            }
        }
    };
    Some(Section { id: "name", title: "By name", html, markdown: String::new() })
}
