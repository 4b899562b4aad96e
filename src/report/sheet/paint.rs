//! Colours, texts and images of sheets and cards.

use image::{Rgb, RgbImage, imageops};

use crate::report::style::{font, picture};

pub(super) const INK: Rgb<u8> = Rgb([24, 28, 33]);
pub(super) const SOFT: Rgb<u8> = Rgb([84, 92, 102]);
pub(super) const RULE: Rgb<u8> = Rgb([214, 219, 225]);
pub(super) const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const HATCH: Rgb<u8> = Rgb([225, 229, 234]);

const SMALL: f32 = 13.0;

/// Text in lines.
pub(super) struct Text {
    pub(super) lines: Vec<String>,
    pub(super) size: f32,
    pub(super) colour: Rgb<u8>,
}

impl Text {
    /// Wraps a text; what is beyond the lines is cut off and marked.
    pub(super) fn new(text: &str, size: f32, colour: Rgb<u8>, width: u32, lines: usize) -> Self {
        Self { lines: font::wrap(text, size, width as f32, lines), size, colour }
    }

    /// Height in pixels.
    pub(super) fn height(&self) -> u32 {
        self.lines.len() as u32 * font::line_height(self.size) as u32
    }

    /// Draws the lines from this corner down.
    pub(super) fn draw(&self, image: &mut RgbImage, (x, y): (u32, u32)) {
        for (i, line) in self.lines.iter().enumerate() {
            let at = (x as f32, y as f32 + i as f32 * font::line_height(self.size));
            font::draw(image, at, self.size, self.colour, line);
        }
    }
}

/// Draws an image into a box; one of another shape keeps its proportions.
pub(super) fn place(image: &mut RgbImage, pixels: &RgbImage, (x, y): (u32, u32), room: (u32, u32)) {
    if pixels.dimensions() == room {
        imageops::replace(image, pixels, i64::from(x), i64::from(y));
        return;
    }
    let (w, h) = pixels.dimensions();
    let width = room.0.min(picture::scaled(w, room.1, h));
    let height = picture::scaled(h, width, w).min(room.1);
    let small = imageops::resize(pixels, width, height, imageops::FilterType::Lanczos3);
    let (dx, dy) = ((room.0 - width) / 2, (room.1 - height) / 2);
    imageops::replace(image, &small, i64::from(x + dx), i64::from(y + dy));
}

/// A horizontal line.
pub(super) fn rule(image: &mut RgbImage, (x, y): (u32, u32), width: u32) {
    for x in x..(x + width).min(image.width()) {
        if let Some(pixel) = image.get_pixel_mut_checked(x, y) {
            *pixel = RULE;
        }
    }
}

/// A hatched box with the reason in it, so that no place is blank.
pub(super) fn missing(image: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), reason: &str) {
    for dy in 0..height {
        for dx in 0..width {
            let edge = dx == 0 || dy == 0 || dx + 1 == width || dy + 1 == height;
            let colour = match (edge, (dx + dy) % 12 < 2) {
                (true, _) => SOFT,
                (false, true) => HATCH,
                (false, false) => PAPER,
            };
            if let Some(pixel) = image.get_pixel_mut_checked(x + dx, y + dy) {
                *pixel = colour;
            }
        }
    }
    let lines = (height.saturating_sub(12) as f32 / font::line_height(SMALL)) as usize;
    Text::new(reason, SMALL, INK, width.saturating_sub(12), lines).draw(image, (x + 6, y + 6));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_tiles_take_a_reason_without_panic() {
        for side in [1, 8, 13, 40] {
            let mut image = RgbImage::new(64, 64);
            missing(&mut image, (10, 10), (side, side), "the loss is not finite at step 17");
        }
    }

    #[test]
    fn an_image_of_another_shape_keeps_its_proportions() {
        let mut image = RgbImage::from_pixel(60, 60, PAPER);
        place(&mut image, &RgbImage::from_pixel(40, 20, INK), (10, 10), (40, 40));
        assert_eq!([*image.get_pixel(30, 30), *image.get_pixel(30, 12)], [INK, PAPER]);
    }
}
