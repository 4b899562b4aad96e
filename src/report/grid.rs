//! The comparison: rows by prompt and seed, columns by cell.

use maud::{Markup, html};

use crate::measures::table::copying::NEAREST_SIMILARITY;
use crate::report::data::{Group, Problem, StudyData, find};
use crate::report::layout::{self, Column, Layout, Slot};
use crate::report::style::shot::{Of, generated};
use crate::report::{closeness, titles, words};

/// The button that switches the adapter off in place.
pub(crate) fn toggle() -> Markup {
    html! {
        div.tools hidden {
            button.toggle type="button" aria-pressed="false" { "LoRA on / off" }
            span.soft { kbd { "L" } " switches the adapter off in place · click an image for the large view" }
        }
    }
}

/// The table of one group of images; `set` names it for the large view.
pub(crate) fn table(data: &StudyData, layout: &Layout, group: Group, set: &str) -> Markup {
    let columns: Vec<(&Column, bool)> = layout
        .groups
        .iter()
        .flat_map(|g| g.columns.iter().enumerate().map(|(i, c)| (c, i == 0 && !g.title.is_empty())))
        .collect();
    let titled = layout.groups.iter().any(|g| !g.title.is_empty());
    html! {
        div.scroll tabindex="0" role="region" aria-label="Comparison grid" {
            table.grid data-set=(set) style=(format!("--n:{}", columns.len())) {
                thead {
                    @if titled {
                        tr {
                            th {}
                            @for g in &layout.groups {
                                @let edge = first(!g.title.is_empty());
                                th scope="colgroup" colspan=(g.columns.len()) class=[edge] dir="auto" {
                                    (g.title)
                                }
                            }
                        }
                    }
                    tr {
                        th scope="col" { "seed" }
                        @for (column, edge) in &columns {
                            @let head = matches!(column, Column::Cell(_)).then_some("cellhead");
                            th scope="col" class=[first(*edge)] {
                                span class=[head] dir="auto" { (column.title(data)) }
                            }
                        }
                    }
                }
                @for (before, prompt) in layout.prompts.iter().enumerate() {
                    tbody {
                        tr {
                            th.prompt scope="rowgroup" colspan=(columns.len() + 1) {
                                span dir="auto" { (prompt.prompt) }
                            }
                        }
                        @for (nth, seed) in prompt.seeds.iter().enumerate() {
                            @let row = nth + layout.prompts[..before].iter().map(|p| p.seeds.len()).sum::<usize>();
                            tr {
                                th.seed scope="row" { (seed) }
                                @for (c, (column, edge)) in columns.iter().enumerate() {
                                    td class=[first(*edge)] {
                                        (slot(data, column, group, (prompt.index, &prompt.prompt), *seed, (row, c)))
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

fn first(edge: bool) -> Option<&'static str> {
    edge.then_some("first")
}

/// What stands at a prompt and a seed.
fn slot(
    data: &StudyData,
    column: &Column,
    group: Group,
    prompt: (usize, &str),
    seed: u64,
    at: (usize, usize),
) -> Markup {
    match column.slot(data, group, prompt.0, seed) {
        Slot::Missing(problem) => missing(problem),
        Slot::NotAsked => html! { div.missing { span { (layout::NOT_ASKED) } } },
        Slot::Picture(p) => {
            let index = match column {
                Column::Baseline(set) => return generated(p, Of::Baseline(*set), "base model", None, at, None),
                Column::Cell(index) => *index,
            };
            let Some(cell) = data.cells.get(index) else { return missing(None) };
            let base = data.baseline_of(cell).and_then(|b| find(&b.images, group, prompt.0, seed));
            let close = cell.metrics.as_ref().is_some_and(|m| closeness::is_close(p, m));
            let badge = NEAREST_SIMILARITY.value(&p.values).filter(|_| close).map(|s| format!("≈ photo {s:.2}"));
            let own_words = p.prompt != prompt.1;
            html! {
                (generated(p, Of::Cell(index), &titles::full_title(data, cell), base, at, badge))
                @if own_words { small.soft dir="auto" { (p.prompt) } }
            }
        }
    }
}

/// A hatched box with the reason, so that no place is blank.
fn missing(problem: Option<&Problem>) -> Markup {
    html! {
        div.missing {
            span dir="auto" {
                (words::why_missing(problem, "no image"))
            }
        }
    }
}
