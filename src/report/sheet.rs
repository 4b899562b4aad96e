//! `grid.png`: the whole comparison on one sheet. Rows are the baseline and the cells, columns the
//! prompts with their seeds; everything is labelled.

use image::{Rgb, RgbImage, imageops};

use crate::picture::encode_png;
use crate::report::data::{Group, StudyData};
use crate::report::error::ReportError;
use crate::report::finding::from_noise;
use crate::report::folder::Folder;
use crate::report::layout::{self, Column, Layout, Slot};
use crate::report::style::{font, picture};
use crate::report::{titles, words};

const INK: Rgb<u8> = Rgb([24, 28, 33]);
const SOFT: Rgb<u8> = Rgb([96, 104, 114]);
const RULE: Rgb<u8> = Rgb([214, 219, 225]);
const HATCH: Rgb<u8> = Rgb([225, 229, 234]);
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);

const GAP: u32 = 8;
const MARGIN: u32 = 24;
/// Space between two prompts.
const PROMPT_GAP: u32 = 20;
const LABEL_WIDTH: u32 = 150;
/// Tiles are at most this wide, and as small as needed to keep the sheet within [`MAX_SIDE`].
const MAX_TILE: u32 = 512;
const MIN_TILE: u32 = 16;
/// Many programs refuse larger pictures.
const MAX_SIDE: u32 = 16_384;
const MAX_PIXELS: u64 = 80_000_000;

/// One prompt's place on the sheet.
struct Block<'l> {
    prompt: &'l layout::PromptRows,
    left: u32,
    width: u32,
    heading: Vec<String>,
}

/// The measures of the sheet.
struct Sheet<'l> {
    tile: (u32, u32),
    /// Distance between columns; wider than the tile when tiles are tiny.
    pitch: u32,
    top: u32,
    size: (u32, u32),
    blocks: Vec<Block<'l>>,
    rows: Vec<&'l Column>,
}

/// Draws the sheet; `None` if there is nothing to compare.
pub(crate) fn draw(data: &StudyData, folder: &Folder) -> Result<Option<Vec<u8>>, ReportError> {
    let layout = Layout::new(data, Group::Prompt);
    let Some(sheet) = measure(data, &layout) else { return Ok(None) };
    let mut image = RgbImage::from_pixel(sheet.size.0, sheet.size.1, PAPER);
    heading(&mut image, data);
    for block in &sheet.blocks {
        column_heads(&mut image, &sheet, block);
    }
    for (i, column) in sheet.rows.iter().enumerate() {
        let y = sheet.top + i as u32 * (sheet.tile.1 + GAP);
        row_head(&mut image, data, column, y, sheet.tile.1);
        for block in &sheet.blocks {
            for (j, seed) in block.prompt.seeds.iter().enumerate() {
                let x = block.left + j as u32 * sheet.pitch;
                match column.slot(data, Group::Prompt, block.prompt.index, *seed) {
                    Slot::Picture(p) => {
                        let pixels = picture::decode(&p.file, &folder.read(&p.file)?)?;
                        place(&mut image, &pixels, (x, y), sheet.tile);
                    }
                    Slot::NotAsked => missing(&mut image, (x, y), sheet.tile, layout::NOT_ASKED),
                    Slot::Missing(problem) => {
                        missing(&mut image, (x, y), sheet.tile, &words::why_missing(problem, "no image"));
                    }
                }
            }
        }
    }
    let texts = [("Software", "runner".into()), ("settings", data.settings_json.as_str().into())];
    let bytes = encode_png(&image, &texts);
    bytes.map(Some).map_err(|reason| ReportError::Draw { name: "grid.png", reason: reason.to_string() })
}

/// Finds the largest tile with which the sheet stays within its limits.
fn measure<'l>(data: &StudyData, layout: &'l Layout) -> Option<Sheet<'l>> {
    let rows: Vec<&Column> = layout.columns().collect();
    let shown = data.cells.iter().flat_map(|c| &c.images).chain(data.baselines.iter().flat_map(|b| &b.images));
    let (width, height) = shown.filter(|p| p.group == Group::Prompt).map(|p| (p.width, p.height)).max()?;
    if rows.is_empty() || layout.prompts.iter().all(|p| p.seeds.is_empty()) {
        return None;
    }
    let mut tile = width.clamp(1, MAX_TILE);
    loop {
        let sheet = sheet(layout, &rows, tile, picture::scaled(height, tile, width));
        let pixels = u64::from(sheet.size.0) * u64::from(sheet.size.1);
        if sheet.size.0 <= MAX_SIDE && sheet.size.1 <= MAX_SIDE && pixels <= MAX_PIXELS {
            return Some(sheet);
        }
        if tile <= MIN_TILE {
            // A sheet of thousands of images would show nothing.
            return None;
        }
        tile = (tile * 7 / 8).max(MIN_TILE);
    }
}

fn sheet<'l>(layout: &'l Layout, rows: &[&'l Column], tile: u32, height: u32) -> Sheet<'l> {
    let pitch = tile + GAP;
    let mut left = MARGIN + LABEL_WIDTH;
    let mut blocks = Vec::new();
    for prompt in &layout.prompts {
        let width = (prompt.seeds.len() as u32 * pitch).max(120);
        let heading = font::wrap(&prompt.prompt, PROMPT_SIZE, (width - GAP) as f32, 5);
        blocks.push(Block { prompt, left, width, heading });
        left += width + PROMPT_GAP;
    }
    let lines = blocks.iter().map(|b| b.heading.len()).max().unwrap_or(0) as u32;
    let top = HEADS + lines * font::line_height(PROMPT_SIZE) as u32 + 26;
    let bottom = top + rows.len() as u32 * (height + GAP) + MARGIN;
    let size = (left - PROMPT_GAP + MARGIN, bottom);
    Sheet { tile: (tile, height), pitch, top, size: (size.0.max(480), size.1), blocks, rows: rows.to_vec() }
}

const TITLE_SIZE: f32 = 24.0;
const PROMPT_SIZE: f32 = 15.0;
const SMALL_SIZE: f32 = 13.0;
/// Where the column heads begin.
const HEADS: u32 = 92;

fn heading(image: &mut RgbImage, data: &StudyData) {
    let room = (image.width() - 2 * MARGIN) as f32;
    for line in font::wrap(titles::study_title(data), TITLE_SIZE, room, 1) {
        font::draw(image, (MARGIN as f32, 20.0), TITLE_SIZE, INK, &line);
    }
    for line in font::wrap(&legend(data), SMALL_SIZE, room, 1) {
        font::draw(image, (MARGIN as f32, 54.0), SMALL_SIZE, SOFT, &line);
    }
}

/// Study, model and sampler, as far as they are the same in every cell.
fn legend(data: &StudyData) -> String {
    let fixed = |key: &str| data.fixed.iter().find(|s| s.key == key).map(|s| s.value.as_str());
    let mut parts = vec![data.name.clone()];
    parts.extend(fixed("model.base").map(|v| format!("base {v}")));
    parts.extend(fixed("generate.sampler").map(str::to_owned));
    parts.extend(fixed("generate.steps").map(|v| format!("{v} {}", if v == "1" { "step" } else { "steps" })));
    parts.extend(fixed("generate.guidance_scale").map(|v| format!("guidance {v}")));
    parts.push(from_noise(data).1.to_owned());
    parts.join(" · ")
}

fn column_heads(image: &mut RgbImage, sheet: &Sheet<'_>, block: &Block<'_>) {
    let x = block.left as f32;
    for (i, line) in block.heading.iter().enumerate() {
        let y = HEADS as f32 + i as f32 * font::line_height(PROMPT_SIZE);
        font::draw(image, (x, y), PROMPT_SIZE, INK, line);
    }
    for (j, seed) in block.prompt.seeds.iter().enumerate() {
        let at = (x + (j as u32 * sheet.pitch) as f32, sheet.top as f32 - 22.0);
        for line in font::wrap(&format!("seed {seed}"), SMALL_SIZE, (sheet.pitch - 2) as f32, 1) {
            font::draw(image, at, SMALL_SIZE, SOFT, &line);
        }
    }
    let right = block.left + block.width - GAP;
    for x in block.left..right.min(image.width()) {
        image.put_pixel(x, sheet.top - 4, RULE);
    }
}

fn row_head(image: &mut RgbImage, data: &StudyData, column: &Column, y: u32, height: u32) {
    let text = match column {
        Column::Baseline(_) => column.title(data),
        Column::Cell(i) | Column::NoCell(i) => {
            data.cells.get(*i).map(|c| titles::full_title(data, c)).unwrap_or_default()
        }
    };
    let lines = ((height as f32 / font::line_height(PROMPT_SIZE)) as usize).max(1);
    let wrapped = font::wrap(&text, PROMPT_SIZE, (LABEL_WIDTH - 12) as f32, lines);
    let block = wrapped.len() as f32 * font::line_height(PROMPT_SIZE);
    let top = y as f32 + ((height as f32 - block) / 2.0).max(0.0);
    for (i, line) in wrapped.iter().enumerate() {
        font::draw(image, (MARGIN as f32, top + i as f32 * font::line_height(PROMPT_SIZE)), PROMPT_SIZE, INK, line);
    }
}

fn place(image: &mut RgbImage, pixels: &RgbImage, (x, y): (u32, u32), tile: (u32, u32)) {
    if pixels.dimensions() == tile {
        imageops::replace(image, pixels, i64::from(x), i64::from(y));
        return;
    }
    // An image of another shape keeps its proportions.
    let (w, h) = pixels.dimensions();
    let width = tile.0.min(picture::scaled(w, tile.1, h));
    let height = picture::scaled(h, width, w).min(tile.1);
    let small = imageops::resize(pixels, width, height, imageops::FilterType::Lanczos3);
    let (dx, dy) = ((tile.0 - width) / 2, (tile.1 - height) / 2);
    imageops::replace(image, &small, i64::from(x + dx), i64::from(y + dy));
}

/// A hatched box with the reason in it, so that no place is blank.
fn missing(image: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), reason: &str) {
    for dy in 0..height {
        for dx in 0..width {
            let edge = dx == 0 || dy == 0 || dx + 1 == width || dy + 1 == height;
            let colour = match (edge, (dx + dy) % 12 < 2) {
                (true, _) => SOFT,
                (false, true) => HATCH,
                (false, false) => PAPER,
            };
            if x + dx < image.width() && y + dy < image.height() {
                image.put_pixel(x + dx, y + dy, colour);
            }
        }
    }
    let lines = (height.saturating_sub(12) as f32 / font::line_height(SMALL_SIZE)) as usize;
    for (i, line) in font::wrap(reason, SMALL_SIZE, width.saturating_sub(12) as f32, lines).iter().enumerate() {
        let at = ((x + 6) as f32, (y + 6) as f32 + i as f32 * font::line_height(SMALL_SIZE));
        font::draw(image, at, SMALL_SIZE, INK, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_huge_study_stays_within_the_limits() {
        let mut data = fixture::study();
        for image in data.cells.iter_mut().flat_map(|c| &mut c.images) {
            (image.width, image.height) = (1024, 768);
        }
        for cell in &mut data.cells {
            cell.seeds = (0..40).collect();
            cell.prompts = (0..5).map(|i| format!("prompt {i}")).collect();
        }
        let layout = Layout::new(&data, Group::Prompt);
        let sheet = measure(&data, &layout).expect("fits");
        assert!(sheet.size.0 <= MAX_SIDE && sheet.size.1 <= MAX_SIDE, "{:?}", sheet.size);
        assert!(sheet.tile.0 >= 60, "{:?}", sheet.tile);
        assert_eq!(sheet.tile.1, sheet.tile.0 * 3 / 4);
    }

    #[test]
    fn nothing_to_compare_draws_nothing() {
        assert!(measure(&StudyData::default(), &Layout::new(&StudyData::default(), Group::Prompt)).is_none());
    }

    #[test]
    fn tiny_tiles_take_a_reason_without_panic() {
        for side in [1, 8, 13, 40] {
            let mut image = RgbImage::new(64, 64);
            missing(&mut image, (10, 10), (side, side), "the loss is not finite at step 17");
        }
    }
}
