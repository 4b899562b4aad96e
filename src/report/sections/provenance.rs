//! Where the result comes from: hashes, keys and versions, which are the same in every run of the study.

use maud::html;

use super::section::{Page, Section};
use crate::report::style::definitions;

/// What the report is made of.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let known = page.data.provenance.iter().map(|s| (s.key.as_str(), s.value.as_str()));
    let html = html! {
        h2 { "Where it comes from" }
        details {
            summary { "Versions, hashes and store keys" }
            (definitions::list(known))
        }
        p { "Times, memory and the device are in " a href="cost.html" { "cost.html" } "." }
    };
    Some(Section { id: "provenance", title: "Origin", html, markdown: String::new() })
}
