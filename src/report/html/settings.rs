//! What was asked, what went wrong, where the result comes from.

use maud::{Markup, html};

use crate::report::data::{Setting, StudyData};
use crate::report::{layout, words};

/// Swept settings first, the fixed ones folded.
pub(super) fn asked(data: &StudyData) -> Markup {
    html! {
        section id="settings" {
            h2 { "What was asked" }
            @if data.axes.is_empty() { p { "Nothing is swept." } } @else {
                dl.set {
                    @for axis in &data.axes {
                        dt { (words::axis_name(&axis.key)) " " code { (axis.key) } }
                        dd dir="auto" { (axis.values.join(", ")) }
                    }
                }
            }
            @if !data.derived.is_empty() {
                p { "These differ with the swept settings:" }
                dl.set {
                    @for axis in &data.derived { dt { code { (axis.key) } } dd dir="auto" { (axis.values.join(", ")) } }
                }
            }
            details {
                summary {
                    (words::count(data.fixed.len(), "setting"))
                    @if data.cells.len() > 1 { " the same in every cell" }
                }
                (pairs(&data.fixed))
            }
        }
    }
}

/// Every failure and gap with its reason.
pub(super) fn problems(data: &StudyData) -> Markup {
    let any = data.cells.iter().any(|c| !c.problems.is_empty());
    html! {
        @if any {
            section id="problems" {
                h2 { "What is missing" }
                div.scroll.plain {
                    table {
                        thead { tr { th scope="col" { "cell" } th scope="col" { "stage" } th scope="col" { "why" } } }
                        tbody {
                            @for cell in &data.cells {
                                @for p in &cell.problems {
                                    tr {
                                        th scope="row" dir="auto" { (layout::full_title(data, cell)) }
                                        td { (p.stage) @if p.failed { small.over { "failed" } } }
                                        td dir="auto" { (p.reason) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Hashes, keys, versions: what is the same in every run of this study.
pub(super) fn provenance(data: &StudyData) -> Markup {
    html! {
        section id="provenance" {
            h2 { "Where it comes from" }
            details {
                summary { "Versions, hashes and store keys" }
                (pairs(&data.provenance))
            }
            p { "Times, memory and the device are in " a href="cost.html" { "cost.html" } "." }
        }
    }
}

fn pairs(settings: &[Setting]) -> Markup {
    list(settings.iter().map(|s| (s.key.as_str(), s.value.as_str())))
}

/// Names with their values.
pub(super) fn list<'s>(items: impl Iterator<Item = (&'s str, &'s str)>) -> Markup {
    html! {
        dl.set {
            @for (name, value) in items { dt { code { (name) } } dd dir="auto" { (value) } }
        }
    }
}
