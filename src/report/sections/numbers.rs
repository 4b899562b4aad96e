//! The numbers of every cell.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::measures::table::columns;
use crate::measures::{Column, Measure, Table};
use crate::report::data::{CellData, StudyData};
use crate::report::finding::{numbers_words, real_photos};
use crate::report::style::markdown;
use crate::report::{titles, words};

/// A measure and its column.
type Shown = (&'static Measure, &'static Column);

/// One row per cell, one column per measure.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    Some(Section { id: "numbers", title: "Numbers", html: html(data), markdown: text(data) })
}

/// The columns of a table, without the optional ones that no cell has a number for.
fn shown(data: &StudyData, table: Table) -> Vec<Shown> {
    let has_number = |measure: &Measure| {
        let mut measured = data.cells.iter().filter_map(|cell| cell.metrics.as_ref());
        measured.any(|values| measure.value(values).is_some())
    };
    let mut columns = columns(table);
    columns.retain(|(measure, column)| !column.optional || has_number(measure));
    columns
}

fn html(data: &StudyData) -> Markup {
    let columns = shown(data, Table::Page);
    html! {
        h2 { "The numbers" }
        p { (numbers_words()) }
        div.scroll.plain tabindex="0" role="region" aria-label="Numbers" {
            table {
                thead {
                    tr {
                        th scope="col" { "cell" }
                        th.n scope="col" { "steps" small { "passes over the photos" } }
                        @for (_, column) in &columns {
                            th.n scope="col" { (column.head) small { (column.below) } }
                        }
                        th.n scope="col" { "images" small { "prompts × seeds" } }
                    }
                }
                tbody { @for cell in &data.cells { (row(data, cell, &columns)) } }
            }
        }
        details {
            summary { "What the columns say" }
            dl.set {
                @for (measure, column) in &columns { dt { (column.head) } dd { (meaning(measure)) } }
            }
        }
        p { "All columns: " a href="cells.csv" { "cells.csv" } "." }
    }
}

fn row(data: &StudyData, cell: &CellData, columns: &[Shown]) -> Markup {
    html! {
        tr {
            th scope="row" dir="auto" { (titles::full_title(data, cell)) }
            @if cell.trained { td.n { (cell.steps) small { (short(cell.epochs)) } } } @else {
                td.n { "–" small { (cell.steps) " asked for" } }
            }
            @if cell.metrics.is_some() || cell.trained {
                @for (measure, _) in columns {
                    td.n {
                        (words::number_or_dash(cell.value(measure.name)))
                        @if let Some(change) = change(cell, measure) { small { (change) } }
                    }
                }
            } @else {
                td colspan=(columns.len()) { (words::why_missing(cell.problems.first(), "not measured")) }
            }
            td.n { (cell.prompt_images()) }
        }
    }
}

/// What a measure says and which value is the better one.
fn meaning(measure: &Measure) -> String {
    [measure.note, measure.better.sentence()].join(" ").trim_end().to_owned()
}

/// The change from what the base model reaches. A cosine has none: its zero is no amount, so a share of it says
/// nothing.
fn change(cell: &CellData, measure: &Measure) -> Option<String> {
    if measure.purpose().is_some() {
        return None;
    }
    words::change(cell.value(measure.floor?)?, cell.value(measure.name)?)
}

fn short(epochs: f64) -> String {
    if epochs >= 10.0 { format!("{epochs:.0}") } else { format!("{epochs:.1}") }
}

fn text(data: &StudyData) -> String {
    let columns = shown(data, Table::Text);
    let mut head = vec!["cell", "steps"];
    for (measure, column) in &columns {
        head.push(column.head);
        if !measure.ceiling.is_empty() {
            head.push(real_photos(data));
        }
    }
    head.push("images");
    let align: Vec<&str> = (0..head.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
    let rows = data.cells.iter().map(|cell| text_row(data, cell, &columns));
    let table = markdown::table(&head, &align, rows);
    let meanings = columns.iter().map(|(measure, column)| format!("- {}: {}", column.head, meaning(measure)));
    let meanings: Vec<String> = meanings.collect();
    format!("## Numbers\n\n{}\n\n{table}\n\n{}", numbers_words(), meanings.join("\n"))
}

fn text_row(data: &StudyData, cell: &CellData, columns: &[Shown]) -> Vec<String> {
    let steps = if cell.trained { cell.steps.to_string() } else { format!("– ({} asked for)", cell.steps) };
    let mut row = vec![markdown::escape(&titles::full_title(data, cell)), steps];
    for (measure, _) in columns {
        let change = change(cell, measure).map(|change| format!(" ({change})"));
        row.push(words::number_or_dash(cell.value(measure.name)) + &change.unwrap_or_default());
        if !measure.ceiling.is_empty() {
            let ceiling = cell.metrics.as_ref().and_then(|values| measure.ceiling(values));
            row.push(words::number_or_dash(ceiling));
        }
    }
    row.push(cell.prompt_images().to_string());
    row
}
