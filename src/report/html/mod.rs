//! `index.html`: one page that works from `file://`, without a network and without JavaScript.
//!
//! Every text of the user passes through maud's escaping; the only raw texts are this folder's own
//! style and script.

mod grid;
mod metrics;
mod photos;
mod settings;

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::data::{CellData, Group, StudyData};
use crate::report::finding::{curve_words, finding};
use crate::report::layout::Layout;
use crate::report::{picture, words};

/// Nothing is loaded but pictures of the folder itself; `file:` because some browsers do not count a
/// folder opened from disk as `'self'`.
const POLICY: &str = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Which pictures of the study as a whole exist.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Charts {
    /// `grid.png`
    pub(crate) grid: bool,
    /// `loss.png` with its pixel size.
    pub(crate) loss: Option<(u32, u32)>,
    /// `probe.png` with its pixel size.
    pub(crate) probe: Option<(u32, u32)>,
    /// `summary.png` with its pixel size.
    pub(crate) summary: Option<(u32, u32)>,
}

/// The whole page.
pub(crate) fn index(data: &StudyData, charts: Charts) -> String {
    let main = Layout::new(data, Group::Prompt);
    let drift = Layout::new(data, Group::Drift);
    let body = html! {
        (header(data))
        (navigation(data, &drift))
        main {
            (grid::main_grid(data, &main))
            (curves(data, charts))
            (metrics::table(data))
            (metrics::memorisation(data))
            (photos::training(data))
            (grid::by_name(data))
            (photos::class_images(data))
            (grid::drift_grid(data, &drift))
            (settings::asked(data))
            (settings::problems(data))
            (settings::provenance(data))
            (files(data, charts))
        }
        (viewer())
    };
    document(title(data), &body)
}

/// Head and frame shared by all pages.
pub(crate) fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                (body)
                script { (PreEscaped(include_str!("script.js"))) }
            }
        }
    }
    .into_string();
    words::visible(&page)
}

/// What the study is called.
pub(crate) fn title(data: &StudyData) -> &str {
    if data.title.is_empty() { &data.name } else { &data.title }
}

fn header(data: &StudyData) -> Markup {
    let finding = finding(data);
    let complete = data.complete_cells();
    let (failed, waiting) = (data.failed_cells(), data.waiting_cells());
    let images = images_made(data);
    html! {
        header.top {
            h1 dir="auto" { (title(data)) }
            p.finding { (finding.headline) }
            @if !finding.notes.is_empty() {
                ul.notes { @for note in &finding.notes { li { (note) } } }
            }
            ul.pills {
                li { (complete) " of " (words::count(data.cells.len(), "cell")) " complete" }
                @if failed > 0 { li.bad { a href="#problems" { (failed) " failed" } } }
                @if waiting > 0 { li.bad { a href="#problems" { (waiting) " not finished" } } }
                @if images > 0 { li { (words::count(images, "image")) " with LoRA" } }
                li { "study " bdi { (data.name) } }
            }
        }
    }
}

/// Images of the prompts with an adapter; those that cells share count once.
fn images_made(data: &StudyData) -> usize {
    let mut seen = BTreeSet::new();
    data.cells.iter().filter(|c| seen.insert(&c.image_job)).map(CellData::prompt_images).sum()
}

fn navigation(data: &StudyData, drift: &Layout) -> Markup {
    html! {
        nav aria-label="Sections" {
            ul {
                li { a href="#images" { "Images" } }
                li { a href="#curves" { "Curves" } }
                li { a href="#numbers" { "Numbers" } }
                li { a href="#copying" { "Copying" } }
                li { a href="#photos" { "Photos" } }
                @if !data.class_images.is_empty() { li { a href="#class" { "Class images" } } }
                @if !drift.prompts.is_empty() { li { a href="#drift" { "Drift" } } }
                li { a href="#settings" { "Settings" } }
                li { a href="#files" { "Files" } }
                li.end { button id="theme" type="button" hidden { "light / dark" } }
            }
        }
    }
}

fn curves(data: &StudyData, charts: Charts) -> Markup {
    let held_out = data.cells.iter().any(|c| !c.probe.probe("held_out").is_empty());
    html! {
        section id="curves" {
            h2 { "Does it learn the subject, or its photos by heart?" }
            p { (curve_words(data)) }
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
        }
    }
}

fn chart(file: &str, (width, height): (u32, u32), alt: &str) -> Markup {
    html! {
        div.plot { a href=(file) { img src=(file) width=(width) height=(height) alt=(alt); } }
    }
}

fn files(data: &StudyData, charts: Charts) -> Markup {
    html! {
        section id="files" {
            h2 { "Files" }
            p { "Everything on this page also lies beside it as a plain file." }
            ul {
                @if charts.grid { li { a href="grid.png" { "grid.png" } " – all images on one sheet" } }
                li { a href="cells.csv" { "cells.csv" } " – one row a cell" }
                li { a href="probe.csv" { "probe.csv" } ", " a href="loss.csv" { "loss.csv" } " – every step" }
                li { a href="report.md" { "report.md" } " – this page as text" }
                li { a href="cost.html" { "cost.html" } ", " a href="cost.csv" { "cost.csv" } " – time and memory" }
                @for cell in &data.cells {
                    @for adapter in &cell.adapters {
                        li { a href=(href(adapter)) { (adapter) } }
                    }
                }
            }
        }
    }
}

/// The large view; the script opens it.
fn viewer() -> Markup {
    html! {
        dialog id="box" aria-label="Large view" {
            figure {
                img id="view" alt="";
                figcaption id="caption" { span dir="auto" {} span.hint {} }
            }
            button id="close" type="button" { "Close" }
            button id="prev" type="button" aria-label="Previous image" { "←" }
            button id="next" type="button" aria-label="Next image" { "→" }
        }
    }
}

/// One image of the page: a link to the full file around the picture shown.
pub(crate) struct Shot<'s> {
    /// Full file.
    pub(crate) file: &'s str,
    /// Its pixels.
    pub(crate) size: (u32, u32),
    /// What it shows.
    pub(crate) alt: String,
    /// The base model's image on the same noise, with its width.
    pub(crate) base: Option<(&'s str, u32)>,
    /// Row and column inside its set.
    pub(crate) at: (usize, usize),
    /// A few words on the image.
    pub(crate) badge: Option<String>,
}

impl Shot<'_> {
    /// The link and the picture.
    pub(crate) fn markup(&self) -> Markup {
        let shown = picture::shown(self.file, self.size.0);
        let class = if self.base.is_some() { "shot swap" } else { "shot" };
        let base = self.base.map(|(file, width)| href(&picture::shown(file, width)));
        let base_full = self.base.map(|(file, _)| href(file));
        html! {
            a class=(class) href=(href(self.file)) data-r=(self.at.0) data-c=(self.at.1) data-base=[base]
                data-base-full=[base_full] {
                img src=(href(&shown)) width=(self.size.0) height=(self.size.1) alt=(self.alt) title=(self.alt)
                    loading="lazy" decoding="async";
                @if let Some(badge) = &self.badge { small { (badge) } }
            }
        }
    }
}

/// A relative file name as a link: everything but plain characters is %-encoded.
pub(crate) fn href(file: &str) -> String {
    let mut out = String::with_capacity(file.len());
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_percent_encoded() {
        assert_eq!(href("images/a b=é/p#0?.png"), "images/a%20b%3D%C3%A9/p%230%3F.png");
    }

    #[test]
    fn own_style_and_script_cannot_end_their_element() {
        for text in [include_str!("style.css"), include_str!("script.js")] {
            assert!(!text.contains("</"), "raw text must not close its element");
        }
    }
}
