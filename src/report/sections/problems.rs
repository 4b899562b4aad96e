//! Every failure and gap with its reason.

use maud::html;

use super::section::{Page, Section};
use crate::report::data::{CellData, Problem, ProblemKind, StudyData};
use crate::report::finding::retry;
use crate::report::naming::{titles, words};
use crate::report::style::{copy, markdown};
use crate::stage::Stage;
use crate::text;

/// More cells than this are folded.
const OPEN: usize = 12;

/// Cells that lack something for one reason.
struct Row<'d> {
    problem: &'d Problem,
    cells: Vec<&'d CellData>,
}

/// One row for each reason; `None` if nothing is missing.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    let rows = rows(data);
    if rows.is_empty() {
        return None;
    }
    let command = retry(page.judged);
    let advice = advice(&rows);
    let html = html! {
        h2 { "What is missing" }
        p { (advice) }
        (copy::code(&command))
        div.scroll.plain {
            table {
                thead { tr { th scope="col" { "stage" } th scope="col" { "why" } th scope="col" { "cells" } } }
                tbody {
                    @for row in &rows {
                        tr {
                            th scope="row" { (row.problem.stage) @if row.problem.failed { small.over { "failed" } } }
                            td { (row.problem.cause()) }
                            td { (cells_html(data, row)) }
                        }
                    }
                }
            }
        }
    };
    let lines: Vec<String> = rows.iter().map(|row| line(data, row)).collect();
    let markdown = format!("## Missing\n\n{advice}\n\n{}\n\n{}", markdown::code(&command), lines.join("\n"));
    Some(Section { id: "problems", title: "Missing", html, markdown })
}

/// Problems with the same stage and cause, in the order in which they come first.
fn rows(data: &StudyData) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for cell in &data.cells {
        // What the race stopped stands in its own section.
        for problem in cell.problems.iter().filter(|problem| problem.kind() != ProblemKind::Raced) {
            let same = |row: &&mut Row<'_>| {
                let known = row.problem;
                (known.stage, known.failed, known.cause()) == (problem.stage, problem.failed, problem.cause())
            };
            match rows.iter_mut().find(same) {
                Some(row) => row.cells.push(cell),
                None => rows.push(Row { problem, cells: vec![cell] }),
            }
        }
    }
    rows
}

/// What can be done about it.
fn advice(rows: &[Row<'_>]) -> &'static str {
    let any = |kind: ProblemKind| rows.iter().any(|row| row.problem.kind() == kind);
    match (any(ProblemKind::Diverged), any(ProblemKind::Failed) || any(ProblemKind::Waiting)) {
        (true, false) => {
            "A training that diverged does so again: lower its learning rate, or leave it out. Then this does only \
             what \
             is missing:"
        }
        (true, true) => {
            "This does what is missing and nothing else. A training that diverged does so again unless its learning \
             rate is lowered:"
        }
        (false, _) => "This does what is missing and nothing else:",
    }
}

/// A cell with how far it came.
fn cell_words(data: &StudyData, row: &Row<'_>, cell: &CellData) -> String {
    let name = titles::full_title(data, cell);
    let step = cell.problems.iter().find(|own| own.cause() == row.problem.cause()).and_then(Problem::step);
    match step.filter(|_| row.problem.stage == Stage::Train && row.problem.failed) {
        Some(step) => format!("{name}: {} of {} steps done", step - 1, cell.steps),
        None => name,
    }
}

fn cells_html(data: &StudyData, row: &Row<'_>) -> maud::Markup {
    let list = html! {
        ul.plain { @for cell in &row.cells { li { (cell_words(data, row, cell)) } } }
    };
    html! {
        @if row.cells.len() > OPEN {
            details { summary { (text::count(row.cells.len(), "cell")) } (list) }
        } @else { (list) }
    }
}

fn line(data: &StudyData, row: &Row<'_>) -> String {
    let failed = if row.problem.failed { " failed" } else { "" };
    let cells: Vec<String> = row.cells.iter().map(|cell| markdown::escape(&cell_words(data, row, cell))).collect();
    let stage = words::stage_name(row.problem.stage);
    format!("- {stage}{failed}: {} ({})", markdown::prose(row.problem.cause()), cells.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::sections::Charts;

    #[test]
    fn each_reason_stands_once_with_the_steps_done_and_a_command() {
        let mut data = fixture::study();
        let problem = |step: usize| Problem {
            stage: Stage::Train,
            failed: true,
            reason: format!("step {step}: the loss is not finite; lower the learning rate"),
        };
        for (cell, step) in data.cells.iter_mut().zip([17, 5, 401]) {
            cell.problems = vec![problem(step)];
        }
        data.cells[2].problems[0].reason = "no space left".into();
        let judged = judged(&data);
        let section =
            section(&Page { data: &data, judged: &judged, charts: Charts::default(), other: None }).expect("problems");
        for text in [section.html.into_string(), section.markdown] {
            assert_eq!(text.matches("the loss is not finite").count(), 1, "{text}");
            for part in
                ["2 photos: 16 of 400 steps done", "4 photos: 4 of 400 steps done", "6 photos", "runner shinchan.toml"]
            {
                assert!(text.contains(part), "`{part}` is not in {text}");
            }
        }
        data.cells.iter_mut().for_each(|cell| cell.problems.clear());
        let judged = crate::report::finding::judged(&data);
        assert!(
            super::section(&Page { data: &data, judged: &judged, charts: Charts::default(), other: None }).is_none()
        );
    }
}
