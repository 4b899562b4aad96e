//! The colours along the border of a photo: what stands for its background.

use image::RgbImage;

use super::grey::span;

/// Cells from left to right and from top to bottom; those of the outermost ring count.
const SIDE: usize = 8;
const RING: usize = 4 * (SIDE - 1);
/// Bytes of a border: red, green and blue of each cell.
pub(in crate::photos) const BYTES: usize = 3 * RING;

/// Mean colours of the 28 outermost of 8 × 8 cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::photos) struct Border(pub(in crate::photos) [u8; BYTES]);

impl Border {
    pub(in crate::photos) fn of(image: &RgbImage) -> Self {
        let ring = (0..SIDE * SIDE).map(|i| (i % SIDE, i / SIDE));
        let edge = |at: usize| at == 0 || at == SIDE - 1;
        let mut bytes = [0; BYTES];
        for ((x, y), colour) in ring.filter(|&(x, y)| edge(x) || edge(y)).zip(bytes.as_chunks_mut::<3>().0) {
            *colour = mean(image, x, y);
        }
        Self(bytes)
    }

    /// Mean difference of the colours, in grey levels from 0 to 255.
    pub(super) fn distance(&self, other: &Self) -> f64 {
        let sum: u32 = self.0.iter().zip(&other.0).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        f64::from(sum) / BYTES as f64
    }
}

/// The mean colour of one cell.
fn mean(image: &RgbImage, x: usize, y: usize) -> [u8; 3] {
    let width = image.width() as usize;
    let (columns, rows) = (span(x, SIDE, width), span(y, SIDE, image.height() as usize));
    let mut sums = [0u64; 3];
    for row in rows.clone() {
        let (pixels, _) =
            image.as_raw()[3 * (row * width + columns.start)..3 * (row * width + columns.end)].as_chunks();
        for pixel in pixels {
            let pixel: &[u8; 3] = pixel;
            sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u64::from(*value));
        }
    }
    let pixels = (columns.len() * rows.len()).max(1) as u64;
    sums.map(|sum| (sum / pixels) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_does_not_count() {
        let picture = |middle: u8| {
            let inside = |x: u32| (10..70).contains(&x);
            RgbImage::from_fn(80, 80, |x, y| image::Rgb(if inside(x) && inside(y) { [middle; 3] } else { [9, 99, 50] }))
        };
        let (a, b) = (Border::of(&picture(0)), Border::of(&picture(255)));
        assert_eq!(a.distance(&b), 0.0);
        assert_eq!(a.0[..3], [9, 99, 50]);
        let grey = Border::of(&RgbImage::from_pixel(1, 1, image::Rgb([19, 99, 50])));
        assert!((a.distance(&grey) - 10.0 / 3.0).abs() < 1e-9);
    }
}
