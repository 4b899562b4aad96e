//! Text in pictures: one embedded font, so that a picture has the same pixels on every machine.
//!
//! Letters outside the font (emoji, Chinese …) show as a box; right-to-left text is not reordered. The
//! page has no such limits, because there the browser draws the text.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage};
use std::sync::{Once, OnceLock};

/// DejaVu Sans, subset; licence in `assets/DejaVu-LICENSE.txt`.
static BYTES: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");

/// The family name under which the plotting library knows the font.
pub(crate) const FAMILY: &str = "DejaVu Sans";

fn font() -> &'static FontRef<'static> {
    static FONT: OnceLock<FontRef<'static>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(BYTES).expect("the embedded font is well-formed"))
}

/// Makes the font known to the plotting library.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let style = plotters::style::FontStyle::Normal;
        assert!(plotters::style::register_font(FAMILY, style, BYTES).is_ok(), "the embedded font is well-formed");
    });
}

/// Width in pixels of one line at `size` pixels.
pub(crate) fn width(text: &str, size: f32) -> f32 {
    let font = font().as_scaled(PxScale::from(size));
    text.chars().map(|c| font.h_advance(font.glyph_id(printable(c)))).sum()
}

/// Height in pixels from one line to the next.
pub(crate) fn line_height(size: f32) -> f32 {
    (size * 1.3).round()
}

/// Draws one line; `(x, y)` is its top left corner. What lies outside the picture is cut off.
pub(crate) fn draw(image: &mut RgbImage, (x, y): (f32, f32), size: f32, colour: Rgb<u8>, text: &str) {
    let font = font().as_scaled(PxScale::from(size));
    let mut pen = point(x, y + font.ascent());
    for c in text.chars() {
        let id = font.glyph_id(printable(c));
        let glyph: Glyph = id.with_scale_and_position(size, pen);
        pen.x += font.h_advance(id);
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let bounds = outline.px_bounds();
        outline.draw(|dx, dy, cover| {
            let (px, py) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
            if px >= 0.0 && py >= 0.0 && px < image.width() as f32 && py < image.height() as f32 {
                blend(image.get_pixel_mut(px as u32, py as u32), colour, cover.min(1.0));
            }
        });
    }
}

/// Breaks text into at most `lines` lines of at most `max` pixels; `…` marks what is cut off.
pub(crate) fn wrap(text: &str, size: f32, max: f32, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&longer, size) <= max {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            out.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if width(&line, size) > max && line.chars().count() > 1 {
                line.pop();
                out.push(std::mem::take(&mut line));
                line.push(c);
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
                last.pop();
            }
            last.push('…');
        }
    }
    out
}

fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

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
        let lines = wrap(&"w".repeat(50), 14.0, 60.0, 99);
        assert!(lines.iter().all(|l| width(l, 14.0) <= 60.0));
        assert_eq!(lines.concat(), "w".repeat(50));
        assert!(!wrap("wide", 14.0, 1.0, 9).is_empty());
    }

    #[test]
    fn any_text_draws_inside_the_picture() {
        let mut image = RgbImage::from_pixel(60, 20, Rgb([255; 3]));
        draw(&mut image, (-5.0, -5.0), 16.0, Rgb([0; 3]), "🐶 日本 שלום \n\u{7} é→");
        draw(&mut image, (50.0, 15.0), 40.0, Rgb([0; 3]), "WWW");
        assert!(image.pixels().any(|p| p.0 != [255; 3]));
    }
}
