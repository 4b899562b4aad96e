//! `card.png`: a study at a glance, in the size that pages show for a link (1200 × 630).

use image::RgbImage;

use super::arrange::GAP;
use super::paint::{INK, PAPER, SOFT, Text, place};
use super::pick::{Picked, Shown, pick};
use crate::picture::encode_png;
use crate::report::data::{CellData, Group, Picture, StudyData};
use crate::report::error::ReportError;
use crate::report::files::folder::Folder;
use crate::report::finding::{Judged, answers, finding};
use crate::report::naming::axis;
use crate::report::naming::{subject, titles};
use crate::report::page::column::{Column, Slot};
use crate::report::style::picture;

/// Its name in the report.
pub(crate) const CARD: &str = "card.png";

const SIZE: (u32, u32) = (1200, 630);
const MARGIN: u32 = 40;
/// Results that fit beside the subject and the base model.
const RESULTS: usize = 4;
/// Below an image.
const CAPTION: f32 = 20.0;

/// Draws the card; `None` if there is no image.
pub(crate) fn card(judged: &Judged<'_>, folder: &Folder) -> Result<Option<Vec<u8>>, ReportError> {
    let data = judged.data;
    let Some(picked) = pick(data) else { return Ok(None) };
    let Some(shown) = row(judged, &picked) else { return Ok(None) };
    let mut tiles: Vec<(String, &str)> = Vec::new();
    if let Some(file) = subject::files(data).next() {
        tiles.push(("the real one".into(), file));
    }
    tiles.extend(shown.into_iter().map(|(column, image)| (column.head.clone(), image.file.as_str())));

    let mut image = RgbImage::from_pixel(SIZE.0, SIZE.1, PAPER);
    let room = SIZE.0 - 2 * MARGIN;
    let title = Text::new(titles::study_title(data), 38.0, INK, room, 2);
    title.draw(&mut image, (MARGIN, 30));
    let answer = Text::new(&finding(judged).lead, 27.0, INK, room, 3);
    let bottom = SIZE.1 - 32 - answer.height();
    answer.draw(&mut image, (MARGIN, bottom));
    let top = 30 + title.height() + 16;
    // Between the title and the answer; captions need two lines.
    let captions = 2 * 26 + 14;
    let count = tiles.len() as u32;
    let side = ((room + GAP) / count.max(1) - GAP).min(bottom.saturating_sub(top + captions));
    let left = MARGIN + (room - (count * (side + GAP) - GAP)) / 2;
    let from = top + bottom.saturating_sub(top + captions + side) / 2;
    for (i, (caption, file)) in tiles.iter().enumerate() {
        let x = left + i as u32 * (side + GAP);
        place(&mut image, &picture::decode(file, &folder.read(file)?)?, (x, from), (side, side));
        Text::new(caption, CAPTION, SOFT, side, 2).draw(&mut image, (x, from + side + 4));
    }
    let bytes = encode_png(&image, &[("Software", "runner".into())]);
    bytes.map(Some).map_err(|reason| ReportError::Draw { name: CARD, reason: reason.to_string() })
}

/// The base model and some conditions on the first prompt and noise that all of them have images of.
fn row<'p>(judged: &Judged<'p>, picked: &'p Picked) -> Option<Vec<(&'p Shown, &'p Picture)>> {
    let data = judged.data;
    let columns = columns(judged, picked);
    let places = picked.prompts.iter().flat_map(|p| p.seeds.iter().map(move |seed| (p.index, *seed)));
    let at = |(prompt, seed): (usize, u64)| -> Vec<(&'p Shown, &'p Picture)> {
        let image = |shown: &&'p Shown| match shown.column.slot(data, Group::Prompt, prompt, seed) {
            Slot::Picture(image) => Some((*shown, image)),
            Slot::Missing(_) | Slot::NotAsked => None,
        };
        columns.iter().filter_map(image).collect()
    };
    // The first of the rows with most images.
    let rows = places.map(at).filter(|row| !row.is_empty());
    rows.reduce(|best, row| if row.len() > best.len() { row } else { best })
}

/// The base model, then conditions along the main axis: those that differ from the recommended one in nothing else.
fn columns<'p>(judged: &Judged<'_>, picked: &'p Picked) -> Vec<&'p Shown> {
    let data = judged.data;
    let cell = |shown: &Shown| match shown.column {
        Column::Cell(index) => data.cells.get(index),
        _ => None,
    };
    let with_images = |shown: &&'p Shown| cell(shown).is_some_and(|cell| cell.prompt_images() > 0);
    let best = answers(judged).cell.and_then(|index| data.cells.get(index));
    let model = best.or_else(|| picked.columns.iter().filter(with_images).find_map(cell));
    let like = |shown: &&'p Shown| {
        cell(shown).zip(model).is_some_and(|(cell, model)| others(data, cell) == others(data, model))
    };
    let results: Vec<&Shown> = picked.columns.iter().filter(with_images).filter(like).collect();
    let base = model.and_then(|model| model.baseline).map(Column::Baseline);
    let base = picked.columns.iter().filter(|shown| Some(&shown.column) == base.as_ref()).take(1);
    base.chain(spread(&results, RESULTS)).collect()
}

/// The settings besides the main axis and the seeds.
fn others<'c>(data: &'c StudyData, cell: &'c CellData) -> Vec<(&'c str, &'c str)> {
    let settings = titles::other_assignments(data, cell).filter(|s| !axis::is_repeat(&s.key));
    settings.map(|s| (s.key.as_str(), s.value.as_str())).collect()
}

/// At most `most` of a list, evenly, with the first and the last.
fn spread<'s>(all: &[&'s Shown], most: usize) -> Vec<&'s Shown> {
    if all.len() <= most {
        return all.to_vec();
    }
    (0..most).map(|i| all[i * (all.len() - 1) / (most - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    #[test]
    fn the_card_has_its_size_and_shows_results_of_one_rank() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let data = fixture::with_files(fixture::two_axes(), dir.path());
        let mut folder = Folder::open(&dir.path().join("report")).expect("opens");
        for file in &data.files {
            folder.copy(&file.to, &file.from).expect("copies");
        }
        let judged = judged(&data);
        let picked = pick(&data).expect("images");
        let heads: Vec<&str> = columns(&judged, &picked).iter().map(|shown| shown.head.as_str()).collect();
        assert_eq!(heads.len(), 3, "{heads:?}");
        assert_eq!(heads[0], "base model");
        let bytes = card(&judged, &folder).expect("draws").expect("images");
        assert_eq!(picture::decode(CARD, &bytes).expect("decodes").dimensions(), SIZE);
    }

    #[test]
    fn a_study_without_images_has_no_card() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let folder = Folder::open(dir.path()).expect("opens");
        let data = StudyData::default();
        assert!(card(&judged(&data), &folder).expect("draws").is_none());
    }
}
