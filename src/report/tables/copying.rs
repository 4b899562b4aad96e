//! Similarity to training photos, one row for each condition: by pixels and by an encoder.

use maud::{Markup, html};

use super::closeness::close_images;
use super::rows::Row;
use crate::measures::Measure;
use crate::measures::table::copying::{LARGEST, MEAN};
use crate::report::finding::{Judged, real_photos};
use crate::report::naming::words;
use crate::report::style::markdown;
use crate::text::measurement;

/// A column of the table: its head, the words below, and a condition's number.
type Column = (&'static str, &'static str, fn(&Row<'_>) -> Option<f64>);

/// The two groups of columns.
pub(crate) struct Columns {
    real: &'static str,
    pixels: Vec<Column>,
    encoder: Vec<Column>,
}

const PIXELS: [Column; 3] = [
    ("images", "mean", |row| mean(row, &MEAN)),
    ("base model", "mean, same noise", |row| floor(row, &MEAN)),
    ("largest", "of an image", |row| row.estimate(LARGEST.name).map(|e| e.mean)),
];

const ENCODER: [Column; 3] = [
    ("gap of images", "above new photos: copies", |row| row.estimate("copying_gap").map(|e| e.mean)),
    ("gap of the base model", "copies nothing", |row| row.estimate("baseline_copying_gap").map(|e| e.mean)),
    ("gap of new photos", "held out", |row| row.estimate("held_out_copying_gap").map(|e| e.mean)),
];

impl Columns {
    pub(crate) fn of(judged: &Judged<'_>, rows: &[Row<'_>]) -> Self {
        let known = |column: &Column| rows.iter().any(|row| column.2(row).is_some());
        Self {
            real: real_photos(judged.data),
            pixels: PIXELS.into_iter().filter(known).collect(),
            encoder: ENCODER.into_iter().filter(known).collect(),
        }
    }

    /// The table of the page.
    pub(crate) fn table(&self, rows: &[Row<'_>]) -> Markup {
        html! {
            div.scroll.plain tabindex="0" role="group" aria-label="Similarity to training photos" {
                table.numbers.figures.sortable {
                    thead {
                        tr {
                            td {}
                            th.n scope="colgroup" colspan=(self.pixels.len() + 2) {
                                "pixels: similarity to the nearest photo"
                            }
                            @if !self.encoder.is_empty() {
                                th.n scope="colgroup" colspan=(self.encoder.len()) {
                                    "encoder: nearer to training than to held-out photos"
                                }
                            }
                        }
                        tr {
                            th scope="col" data-sort="text" { "condition" }
                            @for (head, below, _) in &self.pixels {
                                th.n scope="col" data-sort="down" { (head) small { (below) } }
                            }
                            th.n scope="col" data-sort="down" { (self.real) small { "mean" } }
                            th.n scope="col" data-sort="down" { "close to a photo" small { "images" } }
                            @for (head, below, _) in &self.encoder {
                                th.n scope="col" data-sort="down" { (head) small { (below) } }
                            }
                        }
                    }
                    tbody { @for row in rows { (self.row(row)) } }
                }
            }
        }
    }

    fn row(&self, row: &Row<'_>) -> Markup {
        let (close, images) = close(row);
        let real = ceiling(row);
        html! {
            tr {
                th scope="row" { span.name { (row.title) } }
                @for (.., of) in &self.pixels { (number(of(row))) }
                (number(real))
                td class=[(close > 0).then_some("over")] data-v=[real.map(|_| close)] {
                    @if real.is_some() { (close) " of " (images) } @else { "–" }
                }
                @for (.., of) in &self.encoder { (number(of(row))) }
            }
        }
    }

    /// The table as Markdown.
    pub(crate) fn text(&self, rows: &[Row<'_>]) -> String {
        let heads = self.pixels.iter().map(|column| column.0).chain([self.real, "close to a photo"]);
        let heads = heads.chain(self.encoder.iter().map(|column| column.0));
        let head: Vec<&str> = ["condition"].into_iter().chain(heads).collect();
        let align: Vec<&str> = (0..head.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
        let rows = rows.iter().map(|row| {
            let (close, images) = close(row);
            let real = ceiling(row);
            let counted = if real.is_some() { format!("{close} of {images}") } else { "–".to_owned() };
            let number = |column: &Column| words::number_or_dash(column.2(row));
            let pixels = self.pixels.iter().map(number);
            let rest = [words::number_or_dash(real), counted].into_iter().chain(self.encoder.iter().map(number));
            [markdown::escape(&row.title)].into_iter().chain(pixels).chain(rest).collect()
        });
        markdown::table(&head, &align, rows)
    }
}

fn number(value: Option<f64>) -> Markup {
    html! { td data-v=[value.map(words::sortable)] { (value.map_or_else(|| "–".to_owned(), measurement)) } }
}

fn mean(row: &Row<'_>, measure: &Measure) -> Option<f64> {
    row.estimate(measure.name).map(|estimate| estimate.mean)
}

fn floor(row: &Row<'_>, measure: &Measure) -> Option<f64> {
    row.estimate(measure.floor?).map(|estimate| estimate.mean)
}

/// What real photos reach.
fn ceiling(row: &Row<'_>) -> Option<f64> {
    LARGEST.ceiling.iter().find_map(|name| row.estimate(name)).map(|estimate| estimate.mean)
}

/// How many images of how many are close to a photo.
fn close(row: &Row<'_>) -> (usize, usize) {
    let cells = || row.sound().map(|run| run.cell);
    (cells().map(close_images).sum(), cells().map(|cell| cell.prompt_images()).sum())
}
