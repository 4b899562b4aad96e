//! Every failure and gap with its reason.

use maud::html;

use super::section::{Page, Section};
use crate::report::data::{CellData, Problem};
use crate::report::style::markdown;
use crate::report::{titles, words};

/// One row per problem of a cell; `None` if nothing is missing.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    let problems: Vec<(&CellData, &Problem)> =
        data.cells.iter().flat_map(|cell| cell.problems.iter().map(move |problem| (cell, problem))).collect();
    if problems.is_empty() {
        return None;
    }
    let html = html! {
        h2 { "What is missing" }
        div.scroll.plain {
            table {
                thead { tr { th scope="col" { "cell" } th scope="col" { "stage" } th scope="col" { "why" } } }
                tbody {
                    @for (cell, problem) in &problems {
                        tr {
                            th scope="row" dir="auto" { (titles::full_title(data, cell)) }
                            td { (problem.stage) @if problem.failed { small.over { "failed" } } }
                            td dir="auto" { (problem.reason) }
                        }
                    }
                }
            }
        }
    };
    let line = |(cell, problem): &(&CellData, &Problem)| {
        let (name, stage) = (markdown::escape(&titles::full_title(data, cell)), words::stage_name(problem.stage));
        let failed = if problem.failed { " failed" } else { "" };
        format!("- {name}: {stage}{failed}: {}", markdown::escape(&problem.reason))
    };
    let lines: Vec<String> = problems.iter().map(line).collect();
    let markdown = format!("## Missing\n\n{}", lines.join("\n"));
    Some(Section { id: "problems", title: "Missing", html, markdown })
}
