//! `grid.png`, and `grid-2.png` and so on where one sheet would be too large.

use image::RgbImage;

use super::arrange::{Arrangement, Block, GAP, GUTTER, Sheet, Wanted, arrange};
use super::header::Header;
use super::paint::{INK, PAPER, SOFT, Text, missing, place};
use super::pick::{Picked, pick};
use crate::picture::encode_png;
use crate::report::data::{Group, StudyData};
use crate::report::error::ReportError;
use crate::report::files::folder::Folder;
use crate::report::finding::Judged;
use crate::report::naming::subject;
use crate::report::naming::words;
use crate::report::page::column::{Column, NOT_ASKED, Slot};
use crate::report::style::picture;

const PROMPT: f32 = 17.0;
const PROMPT_LINES: usize = 3;
const HEAD: f32 = 15.0;
const HEAD_LINES: usize = 4;
const SEED: f32 = 13.0;
/// Space below a text.
const BELOW: u32 = 5;

/// The file names of so many sheets.
pub(crate) fn names(sheets: usize) -> impl Iterator<Item = String> {
    (1..=sheets).map(|number| if number == 1 { "grid.png".to_owned() } else { format!("grid-{number}.png") })
}

/// Draws the sheets: file names and contents. None if there is nothing to compare.
pub(crate) fn sheets(judged: &Judged<'_>, folder: &Folder) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let data = judged.data;
    let Some(picked) = pick(data) else { return Ok(Vec::new()) };
    let read = |file: &str| picture::decode(file, &folder.read(file)?);
    let subject = subject::files(data).map(read).collect::<Result<Vec<_>, _>>()?;
    let header = Header::new(judged, subject, picked.trainings);
    let Some(arrangement) = arranged(&picked, &header) else { return Ok(Vec::new()) };
    let texts = [("Software", "runner".into()), ("settings", data.settings_json.as_str().into())];
    let mut out = Vec::new();
    let count = arrangement.sheets.len();
    for ((number, sheet), name) in arrangement.sheets.iter().enumerate().zip(names(count)) {
        let mut image = RgbImage::from_pixel(sheet.size.0, sheet.size.1, PAPER);
        let which = if count == 1 { String::new() } else { format!("sheet {} of {count}", number + 1) };
        header.draw(&mut image, &which);
        for block in &sheet.blocks {
            Canvas { data, picked: &picked, arrangement: &arrangement, sheet, folder }.block(&mut image, block)?;
        }
        let bytes = encode_png(&image, &texts)
            .map_err(|reason| ReportError::Draw { name: "grid.png", reason: reason.to_string() })?;
        out.push((name, bytes));
    }
    Ok(out)
}

fn arranged(picked: &Picked, header: &Header) -> Option<Arrangement> {
    let base = |shown: &&super::pick::Shown| matches!(shown.column, Column::Baseline(_));
    arrange(&Wanted {
        rows: picked.prompts.iter().map(|prompt| prompt.seeds.len()).collect(),
        columns: picked.columns.len(),
        base: picked.columns.iter().filter(base).count() == 1 && picked.columns.first().is_some_and(|s| base(&s)),
        image: picked.image,
        header: &|width| header.height(width),
        heading: &|prompt, width| heading(picked, prompt, width).height() + BELOW,
        heads: &|width| {
            let tallest = picked.columns.iter().map(|shown| head(&shown.head, width).height()).max();
            tallest.unwrap_or(0) + BELOW
        },
    })
}

fn heading(picked: &Picked, prompt: usize, width: u32) -> Text {
    Text::new(&picked.prompts[prompt].prompt, PROMPT, INK, width, PROMPT_LINES)
}

fn head(text: &str, width: u32) -> Text {
    Text::new(text, HEAD, SOFT, width, HEAD_LINES)
}

/// What is needed to draw the blocks of a sheet.
struct Canvas<'c> {
    data: &'c StudyData,
    picked: &'c Picked,
    arrangement: &'c Arrangement,
    sheet: &'c Sheet,
    folder: &'c Folder,
}

impl Canvas<'_> {
    fn block(&self, image: &mut RgbImage, block: &Block) -> Result<(), ReportError> {
        let prompt = &self.picked.prompts[block.prompt];
        let (left, mut y) = block.at;
        let tile = self.arrangement.tile;
        heading(self.picked, block.prompt, self.sheet.width).draw(image, (left, y));
        y += block.heading;
        for line in &self.sheet.lines {
            let x = |place: usize| left + GUTTER + place as u32 * (tile.0 + GAP);
            for (place, column) in line.iter().enumerate() {
                let text = head(&self.picked.columns[*column].head, tile.0);
                // Heads stand on the images.
                let down = self.arrangement.heads.saturating_sub(BELOW + text.height());
                text.draw(image, (x(place), y + down));
            }
            y += self.arrangement.heads;
            for seed in &prompt.seeds[block.rows.clone()] {
                Text::new(&format!("seed {seed}"), SEED, SOFT, GUTTER - GAP, 5).draw(image, (left, y));
                for (place, column) in line.iter().enumerate() {
                    let column = &self.picked.columns[*column].column;
                    self.slot(image, column.slot(self.data, Group::Prompt, prompt.index, *seed), (x(place), y))?;
                }
                y += tile.1 + GAP;
            }
        }
        Ok(())
    }

    fn slot(&self, image: &mut RgbImage, slot: Slot<'_>, at: (u32, u32)) -> Result<(), ReportError> {
        let tile = self.arrangement.tile;
        match slot {
            Slot::Picture(p) => place(image, &picture::decode(&p.file, &self.folder.read(&p.file)?)?, at, tile),
            Slot::NotAsked => missing(image, at, tile, NOT_ASKED),
            Slot::Missing(problem) => missing(image, at, tile, &words::why_missing(problem, "no image")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    #[test]
    fn the_sheet_of_a_study_shows_every_condition() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let data = fixture::with_files(fixture::study(), dir.path());
        let mut folder = Folder::open(&dir.path().join("report")).expect("opens");
        for file in &data.files {
            folder.copy(&file.to, &file.from).expect("copies");
        }
        let drawn = sheets(&judged(&data), &folder).expect("draws");
        let [(file, bytes)] = drawn.as_slice() else { panic!("one sheet") };
        assert_eq!(file, "grid.png");
        let image = picture::decode(file, bytes).expect("decodes");
        assert!(image.width() > image.height() && image.width() < 3 * image.height(), "{:?}", image.dimensions());
        assert_eq!(*bytes, sheets(&judged(&data), &folder).expect("draws")[0].1, "the same every time");
        assert_eq!(names(2).collect::<Vec<_>>(), ["grid.png", "grid-2.png"]);
    }

    #[test]
    fn nothing_to_compare_draws_nothing() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let folder = Folder::open(dir.path()).expect("opens");
        let data = StudyData::default();
        assert!(sheets(&judged(&data), &folder).expect("draws").is_empty());
    }
}
