//! Text in pictures: fonts that ship with the program, so that a picture has the same pixels on every machine.

mod faces;
mod line;

use ab_glyph::{Font as _, Glyph, GlyphId, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage};
use std::sync::Once;
use unicode_segmentation::UnicodeSegmentation as _;

use faces::faces;
use line::{Line, Mark, NUMBER_WIDTH};

/// The family name under which the plotting library knows the font of Latin text.
pub(crate) const FAMILY: &str = "DejaVu Sans";

/// Makes the font known to the plotting library, for the numbers of axes and our own words.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let style = plotters::style::FontStyle::Normal;
        assert!(plotters::style::register_font(FAMILY, style, faces::MAIN).is_ok(), "the embedded font is well-formed");
    });
}

/// Width in pixels of one line at `size` pixels.
pub(crate) fn width(text: &str, size: f32) -> f32 {
    Line::new(text).width * em(size)
}

/// Height in pixels from one line to the next.
pub(crate) fn line_height(size: f32) -> f32 {
    (size * 1.3).round()
}

/// Pixels of an em: `size` is the height of a line of the first font.
fn em(size: f32) -> f32 {
    let main = &faces()[0];
    size * main.units_per_em / main.outlines.height_unscaled()
}

/// Draws one line; `(x, y)` is its top left corner. What lies outside the picture is cut off.
pub(crate) fn draw(image: &mut RgbImage, (x, y): (f32, f32), size: f32, colour: Rgb<u8>, text: &str) {
    let em = em(size);
    let baseline = y + faces()[0].outlines.as_scaled(PxScale::from(size)).ascent();
    for placed in Line::new(text).marks {
        let at = (x + placed.x * em, baseline - placed.y * em);
        match placed.mark {
            Mark::Glyph { face, id } => glyph(image, at, em, colour, (face, id)),
            Mark::Number(c) => number(image, at, em, colour, c),
        }
    }
}

/// One glyph, its origin at `at`.
fn glyph(image: &mut RgbImage, at: (f32, f32), em: f32, colour: Rgb<u8>, (face, id): (usize, u16)) {
    let face = &faces()[face];
    let size = em * face.outlines.height_unscaled() / face.units_per_em;
    let glyph: Glyph = GlyphId(id).with_scale_and_position(size, point(at.0, at.1));
    let Some(outline) = face.outlines.outline_glyph(glyph) else { return };
    let bounds = outline.px_bounds();
    outline.draw(|dx, dy, cover| {
        let (px, py) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
        if px >= 0.0 && py >= 0.0 && px < image.width() as f32 && py < image.height() as f32 {
            blend(image.get_pixel_mut(px as u32, py as u32), colour, cover.min(1.0));
        }
    });
}

/// A box with a character's number in two rows, standing on the base line at `at`.
fn number(image: &mut RgbImage, (x, y): (f32, f32), em: f32, colour: Rgb<u8>, c: char) {
    let digits = format!("{:04X}", u32::from(c));
    let (upper, lower) = digits.split_at(digits.len() / 2);
    let (left, right) = ((x + em * 0.06).round() as i64, (x + em * (NUMBER_WIDTH - 0.06)).round() as i64);
    let (top, bottom) = ((y - em * 0.86).round() as i64, (y + em * 0.16).round() as i64);
    for px in left..=right {
        for py in top..=bottom {
            let edge = px == left || px == right || py == top || py == bottom;
            if edge
                && let (Ok(px), Ok(py)) = (u32::try_from(px), u32::try_from(py))
                && let Some(pixel) = image.get_pixel_mut_checked(px, py)
            {
                *pixel = colour;
            }
        }
    }
    let small = em * 0.58;
    for (row, base) in [(upper, y - em * 0.38), (lower, y + em * 0.08)] {
        let line = Line::new(row);
        let start = (left + right) as f32 / 2.0 - line.width * small / 2.0;
        for placed in &line.marks {
            if let Mark::Glyph { face, id } = placed.mark {
                glyph(image, (start + placed.x * small, base), small, colour, (face, id));
            }
        }
    }
}

/// Breaks text into at most `lines` lines of at most `max` pixels; `…` marks what is cut off.
pub(crate) fn wrap(text: &str, size: f32, max: f32, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        // The length tells sooner than the width that a text is far wider than a line.
        if longer.len() <= MOST_BYTES && width(&longer, size) <= max {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            out.push(std::mem::take(&mut line));
        }
        // A letter with hundreds of marks is no writing.
        for cluster in word.graphemes(true).map(|c| if c.len() > 256 { "…" } else { c }) {
            let before = line.len();
            line.push_str(cluster);
            if before > 0 && (line.len() > MOST_BYTES || width(&line, size) > max) {
                line.truncate(before);
                out.push(std::mem::replace(&mut line, cluster.to_owned()));
                if out.len() > lines {
                    break;
                }
            }
        }
        if out.len() > lines {
            break;
        }
    }
    if !line.is_empty() {
        out.push(line);
    }
    if out.len() > lines {
        out.truncate(lines);
        if let Some(last) = out.last_mut() {
            while !last.is_empty() && width(&format!("{last}…"), size) > max {
                let end = last.grapheme_indices(true).next_back().map_or(0, |(at, _)| at);
                last.truncate(end);
            }
            last.push('…');
        }
    }
    out
}

/// No line of a picture holds more text than this.
const MOST_BYTES: usize = 4096;

fn blend(pixel: &mut Rgb<u8>, colour: Rgb<u8>, cover: f32) {
    for (p, c) in pixel.0.iter_mut().zip(colour.0) {
        *p = (f32::from(*p) + (f32::from(c) - f32::from(*p)) * cover).round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_the_cut_is_marked() {
        let text = "a aawxbc figurine in the forest, holding a cup, in a very long prompt";
        let lines = wrap(text, 14.0, 120.0, 3);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|l| width(l, 14.0) <= 120.0), "{lines:?}");
        assert!(lines[2].ends_with('…'));
        assert_eq!(wrap("short", 14.0, 120.0, 3), ["short"]);
        assert_eq!(wrap("", 14.0, 120.0, 3), Vec::<String>::new());
    }

    #[test]
    fn a_word_wider_than_the_line_is_broken() {
        for word in ["w".repeat(50), "日本語".repeat(20), "e\u{301}".repeat(40)] {
            let lines = wrap(&word, 14.0, 60.0, 99);
            assert!(lines.iter().all(|l| width(l, 14.0) <= 60.0));
            assert_eq!(lines.concat(), word);
        }
        assert!(!wrap("wide", 14.0, 1.0, 9).is_empty());
    }

    #[test]
    fn a_very_long_text_is_cut_at_once() {
        for text in ["x".repeat(200_000), "\u{301}".repeat(200_000), "日".repeat(200_000), "a ".repeat(200_000)] {
            let lines = wrap(&text, 15.0, 400.0, 3);
            assert!(lines.len() <= 3);
        }
    }

    #[test]
    fn any_text_draws_inside_the_picture() {
        let mut image = RgbImage::from_pixel(60, 20, Rgb([255; 3]));
        draw(&mut image, (-5.0, -5.0), 16.0, Rgb([0; 3]), "🐶 日本 שלום \n\u{7} é→\u{202e}");
        draw(&mut image, (50.0, 15.0), 40.0, Rgb([0; 3]), "WWW\u{12000}");
        assert!(image.pixels().any(|p| p.0 != [255; 3]));
    }

    #[test]
    fn texts_that_no_font_has_look_different() {
        let picture = |text: &str| {
            let mut image = RgbImage::from_pixel(60, 24, Rgb([255; 3]));
            draw(&mut image, (2.0, 2.0), 13.0, Rgb([0; 3]), text);
            image
        };
        assert_ne!(picture("\u{12000}"), picture("\u{12001}"));
        assert_ne!(picture("日"), picture("月"));
    }
}
