//! The images of prompts that have nothing to do with the subject.

use maud::html;

use super::section::{Page, Section};
use crate::report::data::Group;
use crate::report::grid::{table, toggle};
use crate::report::layout::Layout;

/// The comparison grid; `None` without such prompts.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let layout = Layout::new(page.data, Group::Drift);
    if layout.prompts.is_empty() {
        return None;
    }
    let html = html! {
        h2 { "Drift: what should not have changed" }
        p { "Prompts without the subject. The closer a column is to the baseline, the less the model forgot." }
        (toggle())
        (table(page.data, &layout, Group::Drift, "drift"))
    };
    Some(Section { id: "drift", title: "Drift", html, markdown: String::new() })
}
