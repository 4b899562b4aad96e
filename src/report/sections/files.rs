//! The files that lie beside the page.

use maud::html;

use super::section::{Page, Section};
use crate::report::style::link::href;

/// Links to the files.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let html = html! {
        h2 { "Files" }
        p { "Everything on this page also lies beside it as a plain file." }
        ul {
            @if page.charts.grid { li { a href="grid.png" { "grid.png" } " – all images on one sheet" } }
            li { a href="cells.csv" { "cells.csv" } " – one row a cell" }
            li { a href="images.csv" { "images.csv" } " – one row an image" }
            li { a href="probe.csv" { "probe.csv" } ", " a href="loss.csv" { "loss.csv" } " – every step" }
            li { a href="report.md" { "report.md" } " – this page as text" }
            li { a href="cost.html" { "cost.html" } ", " a href="cost.csv" { "cost.csv" } " – time and memory" }
            @for cell in &page.data.cells {
                @for adapter in &cell.adapters {
                    li { a href=(href(adapter)) { (adapter) } }
                }
            }
        }
    };
    let markdown =
        "Files: [index.html](index.html), [cells.csv](cells.csv), [images.csv](images.csv), [probe.csv](probe.csv), \
                    [loss.csv](loss.csv), [cost.csv](cost.csv)"
            .to_owned();
    Some(Section { id: "files", title: "Files", html, markdown })
}
