//! Where the result comes from: hashes, keys and versions, which are the same in every run of the study.

use maud::html;

use super::section::{Page, Section};

/// What the report is made of.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    // Keys of jobs are long, many, and there to be copied: one line each, the key first.
    let lines: Vec<String> = page.data.provenance.iter().map(|s| format!("{}  {}", s.value, s.key)).collect();
    let html = html! {
        h2 { "Where it comes from" }
        details {
            summary { "Versions, hashes and store keys" }
            pre { (lines.join("\n")) }
        }
        p { "Times, memory and the device are in " a href="cost.html" { "cost.html" } "." }
    };
    Some(Section { id: "provenance", title: "Origin", html, markdown: String::new() })
}
