//! The files that lie beside the page.

use maud::html;

use super::section::{Page, Section};
use crate::report::sheet;
use crate::report::style::link::href;

/// Links to the files.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let html = html! {
        h2 { "Files" }
        p { "Everything on this page also lies beside it as a plain file." }
        ul {
            @if page.charts.sheets > 0 {
                li {
                    @for (i, name) in sheet::names(page.charts.sheets).enumerate() {
                        @if i > 0 { ", " }
                        a href=(name) { (name) }
                    }
                    " – the images with the subject and the answer, to post"
                }
                li { a href=(sheet::CARD) { (sheet::CARD) } " – the study at a glance, in the size of link previews" }
            }
            li { a href="cells.csv" { "cells.csv" } " – one row a cell" }
            li { a href="images.csv" { "images.csv" } " – one row an image" }
            @if page.data.cells.iter().any(|cell| cell.trained) {
                li {
                    a href="verdict.json" { "verdict.json" } ", " a href="trainings.csv" { "trainings.csv" } ", "
                    a href="conditions.csv" { "conditions.csv" } ", " a href="differences.csv" { "differences.csv" }
                    " – what the finding says, in numbers"
                }
            }
            li { a href="probe.csv" { "probe.csv" } ", " a href="loss.csv" { "loss.csv" } " – every step" }
            @if page.data.has_probe_values() {
                li {
                    a href="probe_values.csv" { "probe_values.csv" }
                    " – the denoising loss of each photo at each timestep"
                }
            }
            li { a href="report.md" { "report.md" } " – this page as text" }
            li { a href="cost.html" { "cost.html" } ", " a href="cost.csv" { "cost.csv" } " – time and memory" }
            @for cell in &page.data.cells {
                @for adapter in &cell.adapters {
                    li { a href=(href(adapter)) { (adapter) } }
                }
            }
        }
        @if page.data.cells.iter().any(|cell| cell.checkpoint.is_some() && !cell.adapters.is_empty()) {
            p.soft {
                "The adapter of an earlier step is there as diffusers reads it. For ComfyUI and A1111: "
                code { "runner lora convert FILE --to kohya --output NEW" } "."
            }
        }
    };
    let values = if page.data.has_probe_values() { "[probe_values.csv](probe_values.csv), " } else { "" };
    let markdown = format!(
        "Files: [index.html](index.html), [cells.csv](cells.csv), [images.csv](images.csv), [probe.csv](probe.csv), \
         {values}[loss.csv](loss.csv), [cost.csv](cost.csv)"
    );
    Some(Section { id: "files", title: "Files", html, markdown })
}
