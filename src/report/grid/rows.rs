//! The rows of a table: the base model by the subject's name, then prompt by prompt.

use maud::{Markup, html};

use super::compare::Compare;
use crate::measures::table::copying::NEAREST_SIMILARITY;
use crate::report::data::{Group, Picture, Problem};
use crate::report::naming::{titles, words};
use crate::report::page::column::{Column, NOT_ASKED, Slot};
use crate::report::page::layout::Table;
use crate::report::page::prompt_rows::PromptRows;
use crate::report::style::shot::{Of, Shot};
use crate::report::tables::closeness;

/// So many seeds of a prompt are shown first.
pub(super) const FOLDED: usize = 2;
/// Wordings with more characters can be longer than three lines.
const LONG: usize = 130;

/// What the base model draws under the subject's own name: it needs no column of a cell.
pub(super) fn by_name(of: &Compare<'_>, table: &Table) -> Markup {
    let images = named(of, table);
    // One wording for all images stands over them, others below each.
    let one = images.first().map(|(_, p)| p.prompt.as_str()).filter(|one| images.iter().all(|(_, p)| p.prompt == *one));
    html! {
        @if !images.is_empty() {
            tbody.name {
                tr { th.prompt scope="rowgroup" colspan=(table.columns.len() + 1) {
                    span {
                        "by its name, without LoRA" @if let Some(prompt) = one { ": " bdi { (prompt) } }
                    }
                } }
                tr {
                    th.seed scope="row" { "base" }
                    td colspan=(table.columns.len()) {
                        ul.strip {
                            @for (set, p) in &images {
                                li {
                                    (Shot::below_prompt(p, Of::Baseline(*set), "base model").markup())
                                    @if one.is_none() { small.cap { (p.prompt) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The images of the name, by the set of the base model.
fn named<'d>(of: &Compare<'d>, table: &Table) -> Vec<(usize, &'d Picture)> {
    let sets = table.columns.iter().filter_map(|column| match column {
        Column::Baseline(set) if of.group == Group::Prompt => Some((*set, of.data.baselines.get(*set)?)),
        _ => None,
    });
    sets.flat_map(|(index, set)| set.images.iter().map(move |p| (index, p)))
        .filter(|(_, p)| p.group == Group::Baseline)
        .collect()
}

/// The rows of all prompts.
pub(super) fn by_prompt(of: &Compare<'_>, table: &Table) -> Markup {
    html! {
        @for prompt in &of.layout.prompts {
            tbody {
                tr { th.prompt scope="rowgroup" colspan=(table.columns.len() + 1) {
                    // One thing, which stays in view together when the table scrolls sideways.
                    div {
                        (wording(&prompt.prompt))
                        @if prompt.seeds.len() > FOLDED {
                            button.seeds type="button" aria-expanded="false" { "all " (prompt.seeds.len()) " seeds" }
                        }
                    }
                } }
                @for (nth, seed) in prompt.seeds.iter().enumerate() {
                    tr class=[(nth >= FOLDED).then_some("more")] {
                        th.seed scope="row" { (seed) }
                        @for column in &table.columns {
                            @let base = matches!(column, Column::Baseline(_)).then_some("base");
                            td class=[base] {
                                (slot(of, column, prompt, *seed))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A prompt; a long one is cut to three lines until it is opened.
fn wording(prompt: &str) -> Markup {
    if prompt.chars().count() > LONG {
        html! { details.long { summary { span.text { (prompt) } } } }
    } else {
        html! { span { (prompt) } }
    }
}

/// What stands at a prompt and a seed.
fn slot(of: &Compare<'_>, column: &Column, prompt: &PromptRows, seed: u64) -> Markup {
    let data = of.data;
    let p = match column.slot(data, of.group, prompt.index, seed) {
        Slot::Missing(problem) => return missing(problem),
        Slot::NotAsked => return html! { div.missing { span { (NOT_ASKED) } } },
        Slot::Picture(p) => p,
    };
    let index = match column {
        Column::Baseline(set) => return Shot::below_prompt(p, Of::Baseline(*set), "base model").markup(),
        Column::Cell(index) | Column::NoCell(index) => *index,
    };
    let Some(cell) = data.cells.get(index) else { return missing(None) };
    let close = cell.metrics.as_ref().is_some_and(|m| closeness::is_close(p, m));
    let badge = NEAREST_SIMILARITY.value(&p.values).filter(|_| close).map(|s| format!("≈ photo {s:.2}"));
    html! {
        (Shot { badge, ..Shot::below_prompt(p, Of::Cell(index), &titles::full_title(data, cell)) }.markup())
        @if p.prompt != prompt.prompt { small.soft { (p.prompt) } }
    }
}

/// A hatched box with the reason, so that no place is blank.
fn missing(problem: Option<&Problem>) -> Markup {
    html! {
        div.missing { span { (words::why_missing(problem, "no image")) } }
    }
}
