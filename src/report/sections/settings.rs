//! What was asked: the swept settings and those that are the same in every cell.

use maud::html;

use super::section::{Page, Section};
use crate::report::data::{Axis, Setting, StudyData};
use crate::report::naming::axis;
use crate::report::style::{definitions, markdown};
use crate::text;

/// The swept settings first, the fixed ones folded.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    let html = html! {
        h2 { "What was asked" }
        @if data.axes.is_empty() { p { "Nothing is swept." } } @else {
            dl.set {
                @for swept in &data.axes {
                    dt { (axis::name(&swept.key)) " " code { (swept.key) } }
                    dd { (swept.values.join(", ")) }
                }
            }
        }
        @if !data.derived.is_empty() {
            p { "These differ with the swept settings:" }
            dl.set {
                @for axis in &data.derived { dt { code { (axis.key) } } dd { (axis.values.join(", ")) } }
            }
        }
        details {
            summary {
                (text::count(data.fixed.len(), "setting"))
                @if data.cells.len() > 1 { " the same in every cell" }
            }
            (definitions::list(data.fixed.iter().map(|s| (s.key.as_str(), s.value.as_str()))))
        }
    };
    Some(Section { id: "settings", title: "Settings", html, markdown: text(data) })
}

fn text(data: &StudyData) -> String {
    let swept = |axis: &Axis| {
        let (key, values) = (markdown::escape(&axis.key), markdown::escape(&axis.values.join(", ")));
        vec![format!("**{key}** (swept)"), values]
    };
    let fixed = |setting: &Setting| vec![markdown::escape(&setting.key), markdown::escape(&setting.value)];
    let rows = data.axes.iter().map(swept).chain(data.fixed.iter().map(fixed));
    format!("## Settings\n\n{}", markdown::table(&["setting", "value"], &["---", "---"], rows))
}
