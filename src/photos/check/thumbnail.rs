//! A small grey picture of a photo, and windows of it: a photo that was cut out of another one fits one of them.

use super::grey::{Grey, span};
use crate::photos::fingerprint::LEAST_DETAIL;
use crate::photos::light;

/// Cells from left to right and from top to bottom.
pub(in crate::photos) const SIDE: usize = 64;
/// Bytes of a thumbnail.
pub(in crate::photos) const BYTES: usize = SIDE * SIDE;

/// Brightness of 64 × 64 cells, whatever the shape of the photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::photos) struct Thumbnail(pub(in crate::photos) Vec<u8>);

/// A part of a thumbnail: left, top, width and height in cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window(pub(super) [f64; 4]);

impl Window {
    pub(super) const WHOLE: Self = Self([0.0, 0.0, SIDE as f64, SIDE as f64]);
}

impl Thumbnail {
    pub(in crate::photos) fn of(grey: &Grey) -> Self {
        let cell = |i: usize| {
            let (columns, rows) = (span(i % SIDE, SIDE, grey.width), span(i / SIDE, SIDE, grey.height));
            let row = |y: usize| &grey.cells[y * grey.width..][columns.clone()];
            let sum: f64 = rows.clone().flat_map(row).map(|&value| f64::from(value)).sum();
            (sum / (columns.len() * rows.len()).max(1) as f64).round() as u8
        };
        Self((0..BYTES).map(cell).collect())
    }

    /// Sums of all cells above and to the left of each corner.
    pub(super) fn sums(&self) -> Sums {
        let mut sums = vec![0.0; (SIDE + 1) * (SIDE + 1)];
        for y in 0..SIDE {
            let mut row = 0.0;
            for x in 0..SIDE {
                row += f64::from(self.0[y * SIDE + x]);
                sums[(y + 1) * (SIDE + 1) + x + 1] = sums[y * (SIDE + 1) + x + 1] + row;
            }
        }
        Sums(sums)
    }
}

/// Gives the mean of any window of a thumbnail.
pub(super) struct Sums(Vec<f64>);

impl Sums {
    /// The window as `side` × `side` means without light, of length 1; `None` if it has too little detail.
    pub(super) fn view(&self, Window([left, top, width, height]): Window, side: usize) -> Option<Vec<f32>> {
        let corner = |start: f64, length: f64, i: usize| start + length * i as f64 / side as f64;
        let corners: Vec<f64> = (0..=side)
            .flat_map(|y| (0..=side).map(move |x| (x, y)))
            .map(|(x, y)| self.at(corner(left, width, x), corner(top, height, y)))
            .collect();
        let area = width * height / (side * side) as f64;
        let mut cells: Vec<f64> = (0..side * side)
            .map(|i| {
                let at = |x: usize, y: usize| corners[y * (side + 1) + x];
                let (x, y) = (i % side, i / side);
                (at(x + 1, y + 1) - at(x, y + 1) - at(x + 1, y) + at(x, y)) / area
            })
            .collect();
        light::remove(&mut cells, side);
        let deviation = light::deviation(&cells);
        let length = deviation * side as f64;
        (deviation >= LEAST_DETAIL).then(|| cells.iter().map(|value| (value / length) as f32).collect())
    }

    /// The sum up to a point between corners.
    fn at(&self, x: f64, y: f64) -> f64 {
        let part = |at: f64| {
            let whole = (at as usize).min(SIDE - 1);
            (whole, at - whole as f64)
        };
        let ((x, right), (y, down)) = (part(x), part(y));
        let sum = |x: usize, y: usize| self.0[y * (SIDE + 1) + x];
        let row = |y: usize| sum(x, y) * (1.0 - right) + sum(x + 1, y) * right;
        row(y) * (1.0 - down) + row(y + 1) * down
    }
}

/// A view, mirrored left to right.
pub(super) fn mirrored(view: &[f32], side: usize) -> Vec<f32> {
    view.chunks_exact(side).flat_map(|row| row.iter().rev().copied()).collect()
}

/// Correlation of two views.
pub(super) fn correlation(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums at a time, so that the compiler can use vector instructions.
    let mut sums = [0.0f32; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photos::check::demo::photo;

    #[test]
    fn a_window_is_what_a_cut_photo_shows() {
        let whole = photo(0);
        let part = image::imageops::crop_imm(&whole, 32, 16, 192, 224).to_image();
        let sums = |image| Thumbnail::of(&Grey::of(image)).sums();
        let window = Window([32.0 / 4.0, 16.0 / 4.0, 192.0 / 4.0, 224.0 / 4.0]);
        let a = sums(&whole).view(window, 16).expect("detail");
        let b = sums(&part).view(Window::WHOLE, 16).expect("detail");
        assert!(correlation(&a, &b) > 0.998, "{}", correlation(&a, &b));
        assert!((correlation(&a, &a) - 1.0).abs() < 1e-4);
        let twice = mirrored(&mirrored(&a, 16), 16);
        assert_eq!(a, twice);
    }

    #[test]
    fn a_flat_picture_has_no_view() {
        let grey = Grey::of(&image::RgbImage::from_fn(90, 40, |x, _| image::Rgb([x as u8; 3])));
        assert_eq!(Thumbnail::of(&grey).sums().view(Window::WHOLE, 16), None);
    }
}
