//! What was made for a condition: how many of its trainings count, and their steps.

use maud::{Markup, html};

use super::rows::Row;
use crate::report::data::CellData;
use crate::text;

/// Whether a training left numbers.
pub(crate) fn is_measured(cell: &CellData) -> bool {
    cell.metrics.is_some() || cell.trained
}

/// How many trainings of a condition are in its means.
pub(crate) fn measured_trainings(row: &Row<'_>) -> usize {
    row.runs.iter().filter(|run| is_measured(run.cell) && !run.diverged).count()
}

/// What of a condition is in no mean.
pub(crate) fn gone(row: &Row<'_>) -> Option<String> {
    let all = row.runs.len();
    let failed = row.runs.iter().filter(|run| !run.diverged && run.cell.problems.iter().any(|p| p.failed)).count();
    let said = |n: usize, what: &str| match (n, all) {
        (0, _) => None,
        (1, 1) => Some(what.to_owned()),
        (n, all) if n == all => Some(format!("all {all} {what}")),
        (n, all) => Some(format!("{n} of {all} {what}")),
    };
    let parts: Vec<String> = [said(row.diverged(), "diverged"), said(failed, "failed")].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The steps that were done, which all trainings of a condition share, and the passes over its photos.
pub(crate) fn steps(row: &Row<'_>) -> Markup {
    let done = row.runs.iter().find(|run| run.cell.trained).or(row.runs.first());
    html! {
        @if let Some(run) = done {
            td data-v=[run.cell.trained.then_some(run.cell.steps)] { (run_steps(run.cell)) }
        }
    }
}

/// The steps of one training and its passes over the photos.
pub(crate) fn run_steps(cell: &CellData) -> Markup {
    html! {
        @if cell.trained { (cell.steps) small { (passes(cell.epochs)) } }
        @else { "–" small { (cell.steps) " asked for" } }
    }
}

fn passes(epochs: f64) -> String {
    if epochs >= 10.0 { format!("{epochs:.0}") } else { text::number((epochs * 10.0).round() / 10.0) }
}
