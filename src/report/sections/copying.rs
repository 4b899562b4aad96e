//! Does the adapter copy a photo?

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::measures::record::Values;
use crate::measures::table::copying::{LARGEST, MEAN};
use crate::report::data::{CellData, Picture, StudyData};
use crate::report::finding::{copying_words, real_photos};
use crate::report::style::shot::{Of, Shot, generated, photo_id};
use crate::report::{charts, closeness, titles, words};

/// The most similar training photo of each cell's images, with the closest pair side by side.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    let cells = data.cells.iter().enumerate();
    let measured = cells.filter_map(|(index, cell)| Some((index, cell, cell.metrics.as_ref()?)));
    let measured: Vec<(usize, &CellData, &Values)> =
        measured.filter(|(_, _, values)| LARGEST.value(values).is_some()).collect();
    let html = html! {
        h2 { "Does it copy a photo?" }
        @if measured.is_empty() { p.soft { "No similarity to photos is measured yet." } } @else {
            p { (copying_words(data)) }
            @if let Some(chart) = charts::similarity_histogram(data) { (chart) }
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
                    tbody { @for (index, cell, values) in &measured { (row(data, *index, cell, values)) } }
                }
            }
        }
    };
    Some(Section { id: "copying", title: "Copying", html, markdown: String::new() })
}

fn row(data: &StudyData, index: usize, cell: &CellData, values: &Values) -> Markup {
    let close = closeness::close_images(cell);
    let images = cell.prompt_images();
    let name = titles::full_title(data, cell);
    let ceiling = LARGEST.ceiling(values);
    html! {
        tr data-set="pairs" {
            th scope="row" dir="auto" { (name) }
            td.n { (words::number_or_dash(MEAN.value(values))) }
            td.n { (words::number_or_dash(MEAN.floor(values))) }
            td.n { (words::number_or_dash(ceiling)) }
            td.n { (words::number_or_dash(LARGEST.value(values))) }
            td class=(if close > 0 { "n over" } else { "n" }) {
                @if ceiling.is_some() { (close) " of " (images) } @else { "–" }
            }
            td { @if let Some(p) = closeness::closest(cell) { (pair(data, p, index, &name)) } }
        }
    }
}

/// An image of the cell of that index with the photo that it is most like.
fn pair(data: &StudyData, p: &Picture, index: usize, cell: &str) -> Markup {
    let photo = p.nearest_photo.and_then(|i| Some((i, data.photos.get(i)?)));
    html! {
        div.pair {
            figure { (generated(p, Of::Cell(index), cell, None, (index, 0), None)) }
            @if let Some((i, photo, file)) = photo.and_then(|(i, p)| Some((i, p, p.file.as_deref()?))) {
                @let shot = Shot {
                    id: photo_id(i),
                    file,
                    size: (photo.width, photo.height),
                    alt: format!("training photo {}", photo.name),
                    base: None,
                    at: (index, 1),
                    badge: None,
                };
                figure { (shot.markup()) }
            }
        }
    }
}
