//! Does the adapter copy a photo? What it means, every condition in one row, and images beside their photos.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::measures::table::copying::{HELD_OUT, LARGEST};
use crate::measures::verdict::side_effects::SideEffect;
use crate::report::charts::similarity_histogram;
use crate::report::finding::{Judged, copied, copying_words};
use crate::report::naming::titles;
use crate::report::style::markdown;
use crate::report::style::shot::{Of, Shot};
use crate::report::tables::copying::Columns;
use crate::report::tables::nearest::{Pair, by_photo, pairs};
use crate::report::tables::rows::{Row, rows};
use crate::text::{count, list, measurement};

/// So many of the closest pairs are always in view.
const SHOWN: usize = 6;
/// More images than this are not shown a second time: the list would be longer than the page.
const MOST: usize = 240;

/// The closest images, a row for each condition, and the distribution.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    let pairs = pairs(data);
    let rows: Vec<Row<'_>> = rows(page.judged).into_iter().filter(|row| row.estimate(LARGEST.name).is_some()).collect();
    if rows.is_empty() {
        let html = html! { h2 { "Does it copy a photo?" } p.soft { "No similarity to photos is measured yet." } };
        return Some(Section { id: "copying", title: "Copying", html, markdown: String::new() });
    }
    let said = said(page.judged, &pairs);
    let columns = Columns::of(page.judged, &rows);
    let html = html! {
        h2 { "Does it copy a photo?" }
        @for sentence in &said { p { (sentence) } }
        @if !pairs.is_empty() {
            h3 { "The closest images, each with its photo" }
            ul.pairs data-set="pairs" { @for pair in pairs.iter().take(SHOWN) { li { (both(page, pair)) } } }
            (all(page, &pairs))
        }
        @if let Some(chart) = similarity_histogram(data) { (chart) }
        (columns.table(&rows))
        p.soft { (copying_words(data)) }
    };
    let markdown = format!("## Copying\n\n{}\n\n{}", markdown::escape(&said.join(" ")), columns.text(&rows));
    Some(Section { id: "copying", title: "Copying", html, markdown })
}

/// What the numbers mean, in sentences.
fn said(judged: &Judged<'_>, pairs: &[Pair<'_>]) -> Vec<String> {
    let mut said = Vec::new();
    let known: Vec<&Pair<'_>> = pairs.iter().filter(|pair| pair.real.is_some()).collect();
    let close = known.iter().filter(|pair| pair.close).count();
    let real = if pairs.iter().any(|pair| is_unseen(pair)) { "unseen photos of the subject" } else { "the photos" };
    if !known.is_empty() {
        said.push(match close {
            0 => format!(
                "Pixel by pixel, the training brought none of {} closer to a training photo than {real} are on \
                 average.",
                count(known.len(), "image")
            ),
            n => format!(
                "Pixel by pixel, the training brought {n} of {} closer to a training photo than {real} are on average. \
                 Look at the closest ones: are they copies?",
                count(known.len(), "image")
            ),
        });
    }
    let effects: Vec<(usize, SideEffect)> =
        (0..judged.conditions.len()).filter_map(|c| Some((c, copied(judged, c)?))).collect();
    let there: Vec<&str> = effects.iter().filter(|(_, e)| e.there).map(|(c, _)| judged.title(*c)).collect();
    let most = effects.iter().map(|(_, effect)| effect.estimate.mean).fold(f64::NEG_INFINITY, f64::max);
    match (effects.len(), there.len()) {
        (0, _) => {}
        (_, 0) => said.push(format!(
            "In the eyes of the encoder nothing is copied: images are {} than new photos of the subject are.",
            if most <= 0.0 {
                "no nearer to training photos".to_owned()
            } else {
                format!("nearer to training photos by a cosine of at most {}", measurement(most))
            }
        )),
        (1, _) => said.push(
            "In the eyes of the encoder the images copy: they are nearer to a training photo than new photos of the \
             subject are."
                .to_owned(),
        ),
        (all, n) if n <= 4 => said.push(format!(
            "In the eyes of the encoder the images with {} copy ({n} of {all} conditions): they are nearer to a \
             training photo than new photos of the subject are.",
            list(&there)
        )),
        (all, n) => said.push(format!(
            "In the eyes of the encoder the images of {n} of {all} conditions copy: they are nearer to a training \
             photo than new photos of the subject are."
        )),
    }
    said
}

/// Whether the real photos of a pair are held out.
fn is_unseen(pair: &Pair<'_>) -> bool {
    pair.cell.metrics.as_ref().is_some_and(|values| HELD_OUT.value(values).is_some())
}

/// An image and its photo, with their similarity.
fn both(page: &Page<'_>, pair: &Pair<'_>) -> Markup {
    html! {
        div.pair {
            figure { (image(page, pair)) }
            figure { (photo(pair)) }
        }
        small.cap {
            (similarity(pair)) " · " (title(page, pair)) " · seed " (pair.image.seed)
        }
    }
}

/// `0.62 (real photos 0.51)`.
fn similarity(pair: &Pair<'_>) -> Markup {
    html! {
        span class=[pair.close.then_some("over")] { (format!("{:.2}", pair.similarity)) }
        @if let Some(real) = pair.real { " (real photos " (format!("{real:.2}")) ")" }
    }
}

fn image(page: &Page<'_>, pair: &Pair<'_>) -> Markup {
    Shot::generated(pair.image, Of::Cell(pair.index), &title(page, pair)).markup()
}

fn title(page: &Page<'_>, pair: &Pair<'_>) -> String {
    titles::full_title(page.data, pair.cell)
}

fn photo(pair: &Pair<'_>) -> Markup {
    let shot = Shot::photo(pair.photo_index, pair.photo, format!("training photo {}", pair.photo.name));
    shot.map(|shot| shot.markup()).unwrap_or_default()
}

/// All images by the photo that they are most like, folded.
fn all(page: &Page<'_>, pairs: &[Pair<'_>]) -> Markup {
    let shown = &pairs[..pairs.len().min(MOST)];
    html! {
        @if pairs.len() > SHOWN {
            details.all {
                summary {
                    @if shown.len() < pairs.len() { "The closest " (shown.len()) " of " (pairs.len()) " images" }
                    @else { "All " (count(pairs.len(), "image")) }
                    ", by the photo that they are most like"
                }
                @for (row, pairs) in by_photo(shown).into_iter().enumerate() {
                    div.likes data-set={ "likes-" (row) } {
                        @if let [first, ..] = pairs.as_slice() {
                            figure.real {
                                (photo(first))
                                figcaption {
                                    small { (first.photo.name) }
                                    small { (count(pairs.len(), "image")) }
                                }
                            }
                        }
                        ul {
                            @for pair in &pairs {
                                li {
                                    (Shot::by_number(pair.image, Of::Cell(pair.index), &title(page, pair)).markup())
                                    small class=[pair.close.then_some("over")] { (format!("{:.2}", pair.similarity)) }
                                }
                            }
                        }
                    }
                }
                @if shown.len() < pairs.len() {
                    p { "The others stand in " a href="images.csv" { "images.csv" } "." }
                }
            }
        }
    }
}
