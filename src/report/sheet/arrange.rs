//! Where everything goes: images as large as a sheet allows, wrapped so that it is about 3:2, and on several sheets
//! where one would be too large to post.

use std::ops::{Range, RangeInclusive};

/// Width by height that people post.
const SHAPE: f64 = 1.5;
/// Shapes that are not far from it.
const USUAL: RangeInclusive<f64> = 0.9..=2.5;
/// A sheet of more pixels is too heavy for many places, a longer one is shown small.
const MOST_PIXELS: u64 = 6_500_000;
const MOST_SIDE: u32 = 4096;
/// Images are at most so wide, and at least so wide as long as more sheets help.
const WIDEST: u32 = 512;
const NARROWEST: u32 = 144;
/// The last resort: narrower images show nothing.
const TINIEST: u32 = 16;
const MOST_SHEETS: usize = 12;
/// The texts at the top need so much.
const LEAST_WIDTH: u32 = 960;

/// Space around everything.
pub(super) const MARGIN: u32 = 28;
/// Space between images.
pub(super) const GAP: u32 = 8;
/// Space between prompts.
const BLOCK_GAP: u32 = 28;
/// Space for the seed before a row of images.
pub(super) const GUTTER: u32 = 64;

/// What has to be placed.
pub(super) struct Wanted<'w> {
    /// How many rows each prompt has.
    pub(super) rows: Vec<usize>,
    /// How many columns.
    pub(super) columns: usize,
    /// Whether the first column is the base model of all others: it begins every line.
    pub(super) base: bool,
    /// Width and height of an image.
    pub(super) image: (u32, u32),
    /// Height of the texts at the top for a width.
    pub(super) header: &'w dyn Fn(u32) -> u32,
    /// Height of a prompt's text for a width.
    pub(super) heading: &'w dyn Fn(usize, u32) -> u32,
    /// Height of the heads of columns of this width.
    pub(super) heads: &'w dyn Fn(u32) -> u32,
}

/// Some rows of one prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Index of the prompt.
    pub(super) prompt: usize,
    /// Its rows.
    pub(super) rows: Range<usize>,
    /// Left and top edge.
    pub(super) at: (u32, u32),
    /// Height of its text.
    pub(super) heading: u32,
}

/// One sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) size: (u32, u32),
    pub(super) blocks: Vec<Block>,
    /// The indices of the columns, line after line.
    pub(super) lines: Vec<Vec<usize>>,
    /// Width of a block.
    pub(super) width: u32,
}

/// All sheets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrangement {
    /// Width and height of an image.
    pub(super) tile: (u32, u32),
    /// Height of the heads of columns.
    pub(super) heads: u32,
    pub(super) sheets: Vec<Sheet>,
}

impl Arrangement {
    /// Whether every sheet has a shape that people post.
    fn is_usual(&self) -> bool {
        let shape = |sheet: &Sheet| f64::from(sheet.size.0) / f64::from(sheet.size.1);
        self.sheets.iter().all(|sheet| USUAL.contains(&shape(sheet)))
    }
}

/// A prompt and some of its rows.
type Part = (usize, Range<usize>);

/// Arranges everything; `None` if the images would be too small to show anything.
pub(super) fn arrange(wanted: &Wanted<'_>) -> Option<Arrangement> {
    let single: Vec<Part> =
        wanted.rows.iter().enumerate().flat_map(|(prompt, rows)| (0..*rows).map(move |r| (prompt, r..r + 1))).collect();
    let most = single.len().clamp(1, MOST_SHEETS);
    let widest = wanted.image.0.clamp(1, WIDEST);
    // As few sheets as possible with images that can be made out, then smaller images; of these a usual shape first.
    for count in 1..=most {
        let all = || tiles(widest, NARROWEST).filter_map(|tile| on_sheets(wanted, &single, count, tile));
        if let Some(found) = all().find(Arrangement::is_usual).or_else(|| all().next()) {
            return Some(found);
        }
    }
    tiles(widest.min(NARROWEST), TINIEST).find_map(|tile| on_sheets(wanted, &single, most, tile))
}

/// Widths of images from the largest down.
fn tiles(from: u32, to: u32) -> impl Iterator<Item = u32> {
    let to = to.min(from);
    std::iter::successors(Some(from), move |tile| (*tile > to).then(|| (tile * 9 / 10).max(to)))
}

fn on_sheets(wanted: &Wanted<'_>, single: &[Part], count: usize, width: u32) -> Option<Arrangement> {
    let height = u64::from(wanted.image.1) * u64::from(width) / u64::from(wanted.image.0.max(1));
    let tile = (width, u32::try_from(height).unwrap_or(u32::MAX).max(1));
    let heads = (wanted.heads)(tile.0);
    let sheets: Option<Vec<Sheet>> =
        split(single, count).iter().map(|parts| sheet(wanted, parts, tile, heads)).collect();
    Some(Arrangement { tile, heads, sheets: sheets? })
}

/// Rows on `count` sheets, as evenly as possible; a prompt that fits stays on one.
fn split(single: &[Part], count: usize) -> Vec<Vec<Part>> {
    let prompts = single.last().map_or(0, |(prompt, _)| prompt + 1);
    let mut out: Vec<Vec<Part>> = vec![Vec::new(); count];
    for (i, (prompt, rows)) in single.iter().enumerate() {
        let place = if count <= prompts { prompt * count / prompts } else { i * count / single.len() };
        match out[place].last_mut() {
            Some((last, before)) if last == prompt => before.end = rows.end,
            _ => out[place].push((*prompt, rows.clone())),
        }
    }
    out.retain(|parts| !parts.is_empty());
    out
}

/// The best shape for these rows within the limits.
fn sheet(wanted: &Wanted<'_>, parts: &[Part], tile: (u32, u32), heads: u32) -> Option<Sheet> {
    let mut best: Option<(f64, Sheet)> = None;
    let least = wanted.columns.min(3);
    for columns in (least..=wanted.columns).rev() {
        let lines = lines(wanted, columns);
        let longest = lines.iter().map(Vec::len).max().unwrap_or(0) as u32;
        let width = GUTTER + longest * (tile.0 + GAP) - GAP.min(longest * GAP);
        let headings: Vec<u32> = parts.iter().map(|(prompt, _)| (wanted.heading)(*prompt, width)).collect();
        let height = |i: usize| {
            let rows = parts[i].1.len() as u32;
            lines.len() as u32 * (heads + rows * (tile.1 + GAP))
        };
        for beside in 1..=parts.len() {
            let across = beside as u32 * (width + BLOCK_GAP) - BLOCK_GAP;
            let total = (across + 2 * MARGIN).max(LEAST_WIDTH);
            if total > MOST_SIDE {
                break;
            }
            let mut y = (wanted.header)(total);
            let mut blocks = Vec::new();
            for (line, group) in parts.chunks(beside).enumerate() {
                // Images of one line stand at one height.
                let heading = headings[line * beside..][..group.len()].iter().copied().max().unwrap_or(0);
                for (i, (prompt, rows)) in group.iter().enumerate() {
                    let left = MARGIN + i as u32 * (width + BLOCK_GAP);
                    blocks.push(Block { prompt: *prompt, rows: rows.clone(), at: (left, y), heading });
                }
                let tallest = (0..group.len()).map(|i| height(line * beside + i)).max().unwrap_or(0);
                y += heading + tallest + BLOCK_GAP;
            }
            let size = (total, y - BLOCK_GAP + MARGIN);
            if size.1 > MOST_SIDE || u64::from(size.0) * u64::from(size.1) > MOST_PIXELS {
                continue;
            }
            // A comparison in one line reads best, and holes look unfinished.
            let shape = (f64::from(size.0) / f64::from(size.1) / SHAPE).ln().abs();
            let holes = parts.len().div_ceil(beside) * beside - parts.len();
            let cost = shape + 0.4 * f64::from(u8::from(lines.len() > 1)) + 0.2 * holes as f64 / parts.len() as f64;
            if best.as_ref().is_none_or(|(before, _)| cost < *before) {
                best = Some((cost, Sheet { size, blocks, lines: lines.clone(), width }));
            }
        }
    }
    best.map(|(_, sheet)| sheet)
}

/// The columns in lines of at most `most`. The base model of all stands at the start of each.
fn lines(wanted: &Wanted<'_>, most: usize) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..wanted.columns).collect();
    if wanted.base && most >= 2 && wanted.columns > most {
        return all[1..].chunks(most - 1).map(|chunk| [&[0], chunk].concat()).collect();
    }
    all.chunks(most.max(1)).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(rows: Vec<usize>, columns: usize, image: (u32, u32)) -> Option<Arrangement> {
        let (header, heading, heads) = (|_| 220, |_, _| 24, |_| 24);
        arrange(&Wanted { rows, columns, base: true, image, header: &header, heading: &heading, heads: &heads })
    }

    #[test]
    fn sheets_are_about_three_to_two_and_within_the_limits() {
        for (rows, columns) in [
            (vec![1], 2),
            (vec![2, 2], 4),
            (vec![1; 5], 4),
            (vec![2; 4], 7),
            (vec![8; 10], 4),
            (vec![1], 37),
            (vec![2, 2], 19),
            (vec![40; 6], 9),
        ] {
            let what = format!("{rows:?} × {columns}");
            let found = arranged(rows.clone(), columns, (512, 512)).expect("fits");
            for sheet in &found.sheets {
                let (width, height) = sheet.size;
                assert!(width <= MOST_SIDE && height <= MOST_SIDE, "{what}: {:?}", sheet.size);
                let shape = f64::from(width) / f64::from(height);
                // So many seeds of one prompt stand below each other on any sheet.
                let tall = rows.iter().any(|rows| *rows > 12);
                assert!(tall || (0.75..=2.7).contains(&shape), "{what}: {:?}", sheet.size);
                for block in &sheet.blocks {
                    assert!(block.at.0 + sheet.width <= width, "{what}: {block:?} of {:?}", sheet.size);
                }
            }
            let shown: usize = found.sheets.iter().flat_map(|s| &s.blocks).map(|b| b.rows.len()).sum();
            assert_eq!(shown, rows.iter().sum::<usize>(), "{what}: every row once");
        }
    }

    #[test]
    fn a_large_study_is_split_not_shrunk() {
        let found = arranged(vec![8; 10], 8, (512, 512)).expect("fits");
        assert!(found.sheets.len() > 1 && found.tile.0 >= NARROWEST, "{} × {:?}", found.sheets.len(), found.tile);
        // A prompt stays whole.
        assert!(found.sheets.iter().flat_map(|s| &s.blocks).all(|block| block.rows == (0..8)));
        let huge = arranged(vec![100; 10], 30, (512, 512)).expect("fits");
        assert_eq!(huge.sheets.len(), MOST_SHEETS);
        assert!(arranged(vec![4000; 100], 40, (512, 512)).is_none(), "images of a pixel show nothing");
    }

    #[test]
    fn wrapped_lines_begin_with_the_base_model() {
        let found = arranged(vec![1], 20, (512, 384)).expect("fits");
        let [sheet] = found.sheets.as_slice() else { panic!("one sheet") };
        assert!(sheet.lines.len() > 1 && sheet.lines.iter().all(|line| line[0] == 0), "{:?}", sheet.lines);
        let mut all: Vec<usize> = sheet.lines.iter().flat_map(|line| &line[1..]).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (1..20).collect::<Vec<_>>());
        assert_eq!(found.tile.1, found.tile.0 * 3 / 4);
    }

    #[test]
    fn small_images_stay_as_they_are() {
        let found = arranged(vec![2], 3, (64, 64)).expect("fits");
        assert_eq!(found.tile, (64, 64));
    }
}
