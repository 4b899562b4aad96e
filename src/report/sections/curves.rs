//! The curves: does the adapter learn the subject, or its photos by heart?

use maud::html;

use super::section::{Page, Section};
use crate::report::charts as draw;
use crate::report::finding::curve_words;
use crate::text;

/// The probe loss, the losses after the training and the training loss.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let (data, files) = (page.data, page.charts);
    let html = html! {
        h2 { "Does it learn the subject, or its photos by heart?" }
        p { (curve_words(data)) }
        @if files.probe { (draw::curves(data).svg()) } @else { p.soft { "No probe loss is measured yet." } }
        @let none = draw::without_curves(data);
        @if none > 0 && files.probe {
            p.soft { (text::count(none, "training")) " left no curve: failed, or not run yet." }
        }
        @if let Some(figure) = draw::summary_figure(data) { (figure.svg()) }
        @if files.loss {
            (draw::training(data).svg())
            p { "Noise and timestep change at every step, so single values jump; a thick line is their average." }
        }
    };
    let pictures = [
        (files.probe, "probe.png", "Probe loss over the steps on training and held-out photos"),
        (files.summary, "summary.png", "Probe loss after training"),
        (files.loss, "loss.png", "Training loss"),
    ];
    let there = pictures.into_iter().filter(|(there, ..)| *there);
    let markdown = there.map(|(_, file, alt)| format!("![{alt}]({file})")).collect::<Vec<_>>().join("\n\n");
    Some(Section { id: "curves", title: "Curves", html, markdown })
}
