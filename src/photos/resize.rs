//! PIL's antialiased Lanczos resampling in its 8-bit fixed-point arithmetic, bit for bit.
//!
//! Port of <https://github.com/python-pillow/Pillow/blob/11.0.0/src/libImaging/Resample.c>: `precompute_coeffs`,
//! `normalize_coeffs_8bpc`, `ImagingResampleHorizontal_8bpc`, `ImagingResampleVertical_8bpc`. Only the part inside the
//! crop is computed; its pixels are the same as after resizing the whole image.

use image::RgbImage;

/// Reach of the Lanczos window in source pixels, without scaling.
const SUPPORT: f64 = 3.0;
/// Fraction bits of a coefficient: 8 bits are for the pixel, 2 for sums beyond 0..=255.
const PRECISION: u32 = 32 - 8 - 2;

/// A range of positions along one axis of the resized image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Length of the whole axis after resizing, in pixels.
    pub(super) resized: usize,
    /// First position that is kept.
    pub(super) start: usize,
    /// How many positions are kept.
    pub(super) length: usize,
}

/// Resizes `image` to `x.resized` × `y.resized` pixels with Lanczos and cuts out `x.length` × `y.length` of them.
///
/// `image` has pixels, `x` and `y` lie within the resized image.
pub(super) fn resize_and_crop(image: &RgbImage, x: Span, y: Span) -> RgbImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let rows = Weights::new(height, y);
    // Only the rows the second pass reads. An axis that keeps its length is copied, as in PIL.
    let (first, last) = rows.source_range();
    let source = &image.as_raw()[first * width * 3..last * width * 3];
    let columns = Weights::new(width, x);
    let narrow: Vec<u8> = source.chunks_exact(width * 3).flat_map(|row| columns.horizontal(row)).collect();
    let pixels = rows.vertical(&narrow, x.length * 3, first);
    RgbImage::from_raw(x.length as u32, y.length as u32, pixels).expect("three bytes for every pixel")
}

/// The source positions and their weights for every kept position of one axis.
struct Weights {
    /// (first source position, weights in fixed point)
    taps: Vec<(usize, Vec<i32>)>,
}

impl Weights {
    fn new(source: usize, span: Span) -> Self {
        let positions = span.start..span.start + span.length;
        if source == span.resized {
            return Self { taps: positions.map(|at| (at, vec![1 << PRECISION])).collect() };
        }
        let scale = source as f64 / span.resized as f64;
        let filter_scale = scale.max(1.0);
        let support = SUPPORT * filter_scale;
        let taps = positions.map(|at| {
            let center = (at as f64 + 0.5) * scale;
            let from = (center - support + 0.5).max(0.0) as usize;
            let to = ((center + support + 0.5) as usize).min(source);
            let position = |i: usize| (i as f64 - center + 0.5) * (1.0 / filter_scale);
            let weights: Vec<f64> = (from..to).map(|i| lanczos(position(i))).collect();
            let sum: f64 = weights.iter().sum();
            (from, weights.iter().map(|w| fixed(if sum == 0.0 { *w } else { w / sum })).collect())
        });
        Self { taps: taps.collect() }
    }

    /// Source positions that are read: `first..last`.
    fn source_range(&self) -> (usize, usize) {
        let first = self.taps.iter().map(|(from, _)| *from).min().unwrap_or(0);
        let last = self.taps.iter().map(|(from, weights)| from + weights.len()).max().unwrap_or(0);
        (first, last)
    }

    /// One row of interleaved RGB, shortened to the kept columns.
    fn horizontal(&self, row: &[u8]) -> impl Iterator<Item = u8> {
        self.taps.iter().flat_map(move |(from, weights)| {
            let mut sums = [1 << (PRECISION - 1); 3];
            let (pixels, _) = row[from * 3..].as_chunks::<3>();
            for (pixel, weight) in pixels.iter().zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            sums.map(clip)
        })
    }

    /// The kept rows, each a weighted sum of rows of `stride` bytes; `rows` starts with source row `first`.
    fn vertical(&self, rows: &[u8], stride: usize, first: usize) -> Vec<u8> {
        let mut sums = vec![0i32; stride];
        let mut out = Vec::with_capacity(self.taps.len() * stride);
        for (from, weights) in &self.taps {
            sums.fill(1 << (PRECISION - 1));
            for (row, weight) in rows[(from - first) * stride..].chunks_exact(stride).zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += i32::from(value) * weight;
                }
            }
            out.extend(sums.iter().map(|&sum| clip(sum)));
        }
        out
    }
}

/// sinc(x) · sinc(x / 3) for −3 ≤ x < 3, else 0.
fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
    if (-SUPPORT..SUPPORT).contains(&x) { sinc(x) * sinc(x / SUPPORT) } else { 0.0 }
}

/// A weight as a fixed-point number, rounded half away from zero.
fn fixed(weight: f64) -> i32 {
    let half = if weight < 0.0 { -0.5 } else { 0.5 };
    (half + weight * f64::from(1 << PRECISION)) as i32
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(resized: usize) -> Span {
        Span { resized, start: 0, length: resized }
    }

    fn noise(width: u32, height: u32) -> RgbImage {
        let mut state = 1u32;
        RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([(state >> 8) as u8, (state >> 16) as u8, (state >> 24) as u8])
        })
    }

    #[test]
    fn a_constant_stays_constant() {
        for (size, resized) in [(1, 7), (9, 4), (5, 5), (3, 100), (100, 3)] {
            let image = RgbImage::from_pixel(size, size + 1, image::Rgb([0, 128, 255]));
            let small = resize_and_crop(&image, all(resized), all(resized + 2));
            assert!(small.pixels().all(|pixel| pixel.0 == [0, 128, 255]), "{size} → {resized}");
        }
    }

    #[test]
    fn the_same_size_is_a_copy() {
        let image = noise(7, 5);
        assert_eq!(resize_and_crop(&image, all(7), all(5)), image);
    }

    #[test]
    fn cropping_while_resizing_equals_cropping_after() {
        let image = noise(37, 23);
        for (width, height) in [(16, 10), (80, 50), (37, 10), (16, 23)] {
            let whole = resize_and_crop(&image, all(width), all(height));
            let (x, y) = (Span { resized: width, start: 5, length: 9 }, Span { resized: height, start: 1, length: 8 });
            let part = resize_and_crop(&image, x, y);
            assert_eq!(part, image::imageops::crop_imm(&whole, 5, 1, 9, 8).to_image(), "{width} × {height}");
        }
    }
}
