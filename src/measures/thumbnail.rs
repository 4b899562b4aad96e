//! A small picture of an image, ready for correlation.

use image::RgbImage;

/// Side of a thumbnail in pixels.
const SIDE: usize = 64;

/// An image averaged down to 64 × 64 RGB, minus the mean of each channel, scaled to length 1 (all zeros if the image is
/// one flat colour).
///
/// Every thumbnail pixel is the mean of the area it covers, with fractions of pixels at its edges; a smaller or longer
/// image is stretched. Taking each channel's mean away makes brightness and tint irrelevant.
#[derive(Clone, Debug, PartialEq)]
pub struct Thumbnail {
    /// `(64, 64, 3)`, sum of squares 1 or 0.
    values: Vec<f64>,
}

impl Thumbnail {
    /// Makes the thumbnail of an image.
    #[must_use]
    pub fn new(image: &RgbImage) -> Self {
        let mut values = shrink(image);
        let pixels = (SIDE * SIDE) as f64;
        for channel in 0..3 {
            let mean = values.iter().skip(channel).step_by(3).sum::<f64>() / pixels;
            values.iter_mut().skip(channel).step_by(3).for_each(|value| *value -= mean);
        }
        let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
        // Far below one level in one pixel: rounding, not a picture.
        let scale = if length > 1e-6 { 1.0 / length } else { 0.0 };
        values.iter_mut().for_each(|value| *value *= scale);
        Self { values }
    }

    /// Sum of products, −1..=1.
    pub(super) fn dot(&self, other: &Self) -> f64 {
        let products = self.values.iter().zip(&other.values).map(|(a, b)| a * b);
        products.sum::<f64>().clamp(-1.0, 1.0)
    }
}

/// Area average, `(height, width, 3)` → `(64, 64, 3)`.
fn shrink(image: &RgbImage) -> Vec<f64> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (columns, rows) = (areas(width), areas(height));
    let narrow: Vec<f64> = image
        .as_raw()
        .chunks_exact((width * 3).max(1))
        .flat_map(|row| {
            columns.iter().flat_map(move |(from, weights)| {
                let mut sums = [0.0; 3];
                let (pixels, _) = row[from * 3..].as_chunks::<3>();
                for (pixel, weight) in pixels.iter().zip(weights) {
                    sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += weight * f64::from(value));
                }
                sums
            })
        })
        .collect();
    let mut out = vec![0.0; SIDE * SIDE * 3];
    for (out, (from, weights)) in out.chunks_exact_mut(SIDE * 3).zip(&rows) {
        for (row, weight) in narrow[from * SIDE * 3..].chunks_exact(SIDE * 3).zip(weights) {
            out.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    out
}

/// For each of 64 equal parts of `length` pixels: the first pixel it touches and the share of every touched one.
fn areas(length: usize) -> Vec<(usize, Vec<f64>)> {
    // In units of 1/64 pixel everything is a whole number: part i covers i·length..(i + 1)·length, and pixel p covers
    // p·64..(p + 1)·64.
    let part = |i: usize| {
        let (start, end) = (i * length, (i + 1) * length);
        let (from, to) = (start / SIDE, end.div_ceil(SIDE));
        let share = |p: usize| (end.min((p + 1) * SIDE) - start.max(p * SIDE)) as f64 / length as f64;
        (from, (from..to).map(share).collect())
    };
    (0..SIDE).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_cover_every_pixel_equally() {
        for length in [1, 2, 63, 64, 65, 100, 128, 513] {
            let mut covered = vec![0.0; length];
            for (from, weights) in areas(length) {
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                weights.iter().enumerate().for_each(|(i, w)| covered[from + i] += w);
            }
            let equal = SIDE as f64 / length as f64;
            assert!(covered.iter().all(|c| (c - equal).abs() < 1e-9), "{length}");
        }
    }

    #[test]
    fn a_thumbnail_is_one_long_and_a_flat_colour_is_nothing() {
        let pixels: Vec<u8> = (0..70 * 40 * 3).map(|i| (i * i % 253) as u8).collect();
        let thumbnail = Thumbnail::new(&RgbImage::from_raw(70, 40, pixels).expect("image"));
        assert!((thumbnail.dot(&thumbnail) - 1.0).abs() < 1e-12);
        let flat = Thumbnail::new(&RgbImage::from_pixel(50, 50, image::Rgb([77; 3])));
        assert_eq!((flat.dot(&flat), flat.dot(&thumbnail)), (0.0, 0.0));
    }
}
