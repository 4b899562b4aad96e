//! The curves: does the adapter learn the subject, or its photos by heart?

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::report::finding::curve_words;

/// The probe loss, the losses after the training and the training loss.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let charts = page.charts;
    let held_out = page.data.cells.iter().any(|c| !c.probe.probe("held_out").is_empty());
    let html = html! {
        h2 { "Does it learn the subject, or its photos by heart?" }
        p { (curve_words(page.data)) }
        @if let Some(size) = charts.probe {
            (chart("probe.png", size, if held_out {
                "Probe loss over the training steps, with the base model's level on held-out photos."
            } else {
                "Probe loss over the training steps on training photos."
            }))
        } @else { p.soft { "No probe loss is measured yet." } }
        @if let Some(size) = charts.summary {
            (chart("summary.png", size, "Probe loss after training over the swept setting. The values stand in the \
                   table below."))
        }
        @if let Some(size) = charts.loss {
            h3 { "Training loss" }
            p { "Noise and timestep change at every step, so single values jump; a thick line is their average." }
            (chart("loss.png", size, "Training loss over the steps."))
        }
    };
    let pictures = [
        (charts.probe, "probe.png", "Probe loss over the steps on training and held-out photos"),
        (charts.summary, "summary.png", "Probe loss after training"),
        (charts.loss, "loss.png", "Training loss"),
    ];
    let there = pictures.into_iter().filter(|(size, ..)| size.is_some());
    let markdown = there.map(|(_, file, alt)| format!("![{alt}]({file})")).collect::<Vec<_>>().join("\n\n");
    Some(Section { id: "curves", title: "Curves", html, markdown })
}

fn chart(file: &str, (width, height): (u32, u32), alt: &str) -> Markup {
    html! {
        div.plot { a href=(file) { img src=(file) width=(width) height=(height) alt=(alt); } }
    }
}
