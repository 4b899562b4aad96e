//! The comparison: rows by prompt and seed, columns by cell.

use maud::{Markup, html};

use crate::report::copying;
use crate::report::data::{Group, Picture, Problem, StudyData, find};
use crate::report::finding::from_noise;
use crate::report::html::Shot;
use crate::report::layout::{self, Column, Layout, Slot};
use crate::report::words;

/// The study's prompts, base model against every cell.
pub(super) fn main_grid(data: &StudyData, layout: &Layout) -> Markup {
    html! {
        section id="images" {
            h2 { "The images" }
            p {
                (from_noise(data).0)
                @if marked(data) {
                    " A mark “≈ photo” says that the adapter brought an image nearer to one training photo than other real "
                    "photos of the subject are."
                }
            }
            (toggle())
            (table(data, layout, Group::Prompt, "main"))
        }
    }
}

/// Whether any image is marked as close to a photo.
fn marked(data: &StudyData) -> bool {
    data.cells.iter().any(|c| c.metrics.as_ref().is_some_and(|m| copying::close_images(c, m) > 0))
}

/// Prompts that have nothing to do with the subject.
pub(super) fn drift_grid(data: &StudyData, layout: &Layout) -> Markup {
    html! {
        @if !layout.prompts.is_empty() {
            section id="drift" {
                h2 { "Drift: what should not have changed" }
                p { "Prompts without the subject. The closer a column is to the baseline, the less the model forgot." }
                (toggle())
                (table(data, layout, Group::Drift, "drift"))
            }
        }
    }
}

/// Does the base model know the subject by its name?
pub(super) fn by_name(data: &StudyData) -> Markup {
    let any = data.baselines.iter().any(|b| b.images.iter().any(|p| p.group == Group::Baseline));
    html! {
        @if any {
            section id="name" {
                h2 { "Does the base model know it by name?" }
                @for set in &data.baselines {
                    @if !set.label.is_empty() { h3 { (set.label) } }
                    ul.strip.wide data-set="name" {
                        @for (i, p) in set.images.iter().filter(|p| p.group == Group::Baseline).enumerate() {
                            li {
                                (shot(p, "base model", None, (0, i), None))
                                small.cap dir="auto" { (p.prompt) " · seed " (p.seed) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn toggle() -> Markup {
    html! {
        div.tools hidden {
            button.toggle type="button" aria-pressed="false" { "LoRA on / off" }
            span.soft { kbd { "L" } " switches the adapter off in place · click an image for the large view" }
        }
    }
}

fn table(data: &StudyData, layout: &Layout, group: Group, set: &str) -> Markup {
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
                                th scope="colgroup" colspan=(g.columns.len()) class=[first(!g.title.is_empty())] dir="auto" {
                                    (g.title)
                                }
                            }
                        }
                    }
                    tr {
                        th scope="col" { "seed" }
                        @for (column, edge) in &columns {
                            @let head = matches!(column, Column::Cell(_)).then_some("cellhead");
                            th scope="col" class=[first(*edge)] { span class=[head] dir="auto" { (column.title(data)) } }
                        }
                    }
                }
                @for (before, prompt) in layout.prompts.iter().enumerate() {
                    tbody {
                        tr { th.prompt scope="rowgroup" colspan=(columns.len() + 1) { span dir="auto" { (prompt.prompt) } } }
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
            let Column::Cell(index) = column else { return shot(p, "base model", None, at, None) };
            let Some(cell) = data.cells.get(*index) else { return missing(None) };
            let base = data.baseline_of(cell).and_then(|b| find(&b.images, group, prompt.0, seed));
            let close = cell.metrics.as_ref().is_some_and(|m| copying::is_close(p, m));
            let badge = p.nearest_similarity.filter(|_| close).map(|s| format!("≈ photo {s:.2}"));
            let own_words = p.prompt != prompt.1;
            html! {
                (shot(p, &layout::full_title(data, cell), base, at, badge))
                @if own_words { small.soft dir="auto" { (p.prompt) } }
            }
        }
    }
}

fn shot(p: &Picture, what: &str, base: Option<&Picture>, at: (usize, usize), badge: Option<String>) -> Markup {
    Shot {
        file: &p.file,
        size: (p.width, p.height),
        alt: format!("{what}, seed {}: {}", p.seed, p.prompt),
        base: base.map(|b| (b.file.as_str(), b.width)),
        at,
        badge,
    }
    .markup()
}

/// A hatched box with the reason: never a blank.
fn missing(problem: Option<&Problem>) -> Markup {
    html! {
        div.missing {
            span dir="auto" {
                (words::why_missing(problem, "no image"))
            }
        }
    }
}
