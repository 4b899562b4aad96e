//! The numbers, and the check for copied photos.

use maud::{Markup, html};

use crate::report::data::{CellData, Metrics, Picture, StudyData};
use crate::report::finding::{Loss, copying_words, numbers_words, real_photos};
use crate::report::html::Shot;
use crate::report::{copying, layout, words};

/// One row a cell.
pub(super) fn table(data: &StudyData) -> Markup {
    let class = data.cells.iter().filter_map(|c| c.metrics.as_ref()).any(|m| m.probe_class.is_some());
    html! {
        section id="numbers" {
            h2 { "The numbers" }
            p { (numbers_words()) }
            div.scroll.plain tabindex="0" role="region" aria-label="Numbers" {
                table {
                    thead {
                        tr {
                            th scope="col" { "cell" }
                            th.n scope="col" { "steps" small { "passes over the photos" } }
                            th.n scope="col" { "held-out loss" small { "↓ lower is better" } }
                            th.n scope="col" { "training loss" small { "falls further than held-out: memorised" } }
                            @if class { th.n scope="col" { "class loss" small { "↑ means forgetting" } } }
                            th.n scope="col" { "drift" small { "RMSE 0–1, ↓ is better" } }
                            th.n scope="col" { "effect of the LoRA" small { "RMSE to baseline, 0–1" } }
                            th.n scope="col" { "images" small { "prompts × seeds" } }
                        }
                    }
                    tbody { @for cell in &data.cells { (row(data, cell, class)) } }
                }
            }
            p { "All columns: " a href="cells.csv" { "cells.csv" } "." }
        }
    }
}

fn row(data: &StudyData, cell: &CellData, class: bool) -> Markup {
    html! {
        tr {
            th scope="row" dir="auto" { (layout::full_title(data, cell)) }
            @if cell.trained { td.n { (cell.steps) small { (short(cell.epochs)) } } } @else {
                td.n { "–" small { (cell.steps) " asked for" } }
            }
            @match &cell.metrics {
                metrics if metrics.is_some() || cell.trained => {
                    @let m = metrics.clone().unwrap_or_default();
                    (loss(cell.loss("held_out")))
                    (loss(cell.loss("train")))
                    @if class { (loss(cell.loss("class"))) }
                    td.n { (words::number_or_dash(m.drift_rmse)) }
                    td.n { (words::number_or_dash(m.mean_baseline_rmse)) }
                }
                _ => td colspan=(if class { 5 } else { 4 }) {
                    (words::why_missing(cell.problems.first(), "not measured"))
                },
            }
            td.n { (cell.prompt_images()) }
        }
    }
}

fn loss(loss: Loss) -> Markup {
    let change = loss.base.zip(loss.after).and_then(|(base, after)| words::change(base, after));
    html! {
        td.n {
            (words::number_or_dash(loss.after))
            @if let Some(change) = change { small { (change) } }
        }
    }
}

fn short(epochs: f64) -> String {
    if epochs >= 10.0 { format!("{epochs:.0}") } else { format!("{epochs:.1}") }
}

/// Nearest training photo of each cell's images, with the closest pair side by side.
pub(super) fn memorisation(data: &StudyData) -> Markup {
    let measured: Vec<(&CellData, &Metrics)> = data
        .cells
        .iter()
        .filter_map(|c| Some((c, c.metrics.as_ref().filter(|m| m.max_nearest_similarity.is_some())?)))
        .collect();
    html! {
        section id="copying" {
            h2 { "Does it copy a photo?" }
            @if measured.is_empty() { p.soft { "No similarity to photos is measured yet." } } @else {
                p { (copying_words(data)) }
                div.scroll.plain tabindex="0" role="region" aria-label="Similarity to training photos" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "cell" }
                                th.n scope="col" { "mean" }
                                th.n scope="col" { "base model" small { "mean, same noise" } }
                                th.n scope="col" { (real_photos(data)) small { "mean" } }
                                th.n scope="col" { "largest" }
                                th.n scope="col" { "close to a photo" small { "images" } }
                                th scope="col" { "closest pair: image and photo" }
                            }
                        }
                        tbody { @for (i, (cell, m)) in measured.iter().enumerate() { (copy_row(data, cell, m, i)) } }
                    }
                }
            }
        }
    }
}

fn copy_row(data: &StudyData, cell: &CellData, m: &Metrics, row: usize) -> Markup {
    let close = copying::close_images(cell, m);
    let images = cell.prompt_images();
    let name = layout::full_title(data, cell);
    html! {
        tr data-set="pairs" {
            th scope="row" dir="auto" { (name) }
            td.n { (words::number_or_dash(m.mean_nearest_similarity)) }
            td.n { (words::number_or_dash(m.baseline_nearest_similarity)) }
            td.n { (words::number_or_dash(copying::ceiling(m))) }
            td.n { (words::number_or_dash(m.max_nearest_similarity)) }
            td class=(if close > 0 { "n over" } else { "n" }) {
                @if copying::ceiling(m).is_some() { (close) " of " (images) } @else { "–" }
            }
            td { @if let Some(p) = copying::closest(cell) { (pair(data, p, &name, row)) } }
        }
    }
}

fn pair(data: &StudyData, p: &Picture, cell: &str, row: usize) -> Markup {
    let photo = p.nearest_photo.and_then(|i| data.photos.get(i));
    let image = Shot {
        file: &p.file,
        size: (p.width, p.height),
        alt: format!("{cell}, seed {}: {}", p.seed, p.prompt),
        base: None,
        at: (row, 0),
        badge: None,
    };
    html! {
        div.pair {
            figure { (image.markup()) }
            @if let Some((photo, file)) = photo.and_then(|p| Some((p, p.file.as_deref()?))) {
                @let shot = Shot {
                    file,
                    size: (photo.width, photo.height),
                    alt: format!("training photo {}", photo.name),
                    base: None,
                    at: (row, 1),
                    badge: None,
                };
                figure { (shot.markup()) }
            }
        }
    }
}
