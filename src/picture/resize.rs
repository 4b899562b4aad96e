//! PIL's antialiased resampling in its 8-bit fixed-point arithmetic, bit for bit.
//!
//! Port of <https://github.com/python-pillow/Pillow/blob/11.0.0/src/libImaging/Resample.c>: the filters,
//! `precompute_coeffs`, `normalize_coeffs_8bpc`, `ImagingResampleHorizontal_8bpc`, `ImagingResampleVertical_8bpc`. Only
//! the part inside the crop is computed; its pixels are the same as after resizing the whole image. Pillow 13 chooses
//! which axis comes first; its rule was found by comparing 4,000 sizes (`tests/golden/vision/make.py` has some).

use image::RgbImage;

/// Fraction bits of a coefficient: 8 bits are for the pixel, 2 for sums beyond 0..=255.
const PRECISION: u32 = 32 - 8 - 2;

/// A filter of PIL's `Image.resize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `Image.Resampling.BILINEAR`: a triangle.
    Bilinear,
    /// `Image.Resampling.BICUBIC`: a cubic with a = -0.5.
    Bicubic,
    /// `Image.Resampling.LANCZOS`: a windowed sinc.
    Lanczos,
}

impl Filter {
    /// The reach in source pixels, without scaling.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight of a source pixel at distance `x`.
    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => bicubic(x.abs()),
            Self::Lanczos => lanczos(x),
        }
    }
}

/// A range of positions along one axis of the resized image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Length of the whole axis after resizing, in pixels.
    pub resized: usize,
    /// First position that is kept.
    pub start: usize,
    /// How many positions are kept.
    pub length: usize,
}

impl Span {
    /// All positions of an axis of `resized` pixels.
    #[must_use]
    pub fn whole(resized: usize) -> Self {
        Self { resized, start: 0, length: resized }
    }
}

/// The longer side of an image whose shorter side `short` is resized to `shorter`, in pixels; `short` is not 0.
///
/// torchvision and transformers have `int(shorter * long / short)`.
#[must_use]
pub fn longer_side(long: usize, short: usize, shorter: usize) -> usize {
    if long == short { shorter } else { ((shorter as u64 * long as u64) as f64 / short as f64) as usize }
}

/// Which axis is resized first. The pixels between the two passes are rounded, so the results may differ by a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// Horizontally, then vertically, as Pillow 11 does.
    Horizontal,
    /// As Pillow 13 does: vertically first if that takes off more than twice as many rows as columns are taken off.
    Pillow13,
}

impl Passes {
    fn vertical_first(self, (width, height): (usize, usize), x: Span, y: Span) -> bool {
        let [taken_off, columns] = [(height, y.resized), (width, x.resized)].map(|(from, to)| from as i64 - to as i64);
        self == Self::Pillow13 && taken_off > 0 && taken_off > 2 * columns
    }
}

/// Resizes `image` to `x.resized` × `y.resized` pixels and cuts out `x.length` × `y.length` of them.
///
/// `image` has pixels, `x` and `y` lie within the resized image.
#[must_use]
pub fn resize_and_crop(image: &RgbImage, filter: Filter, passes: Passes, x: Span, y: Span) -> RgbImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (rows, columns) = (Weights::new(filter, height, y), Weights::new(filter, width, x));
    // Only what the second pass reads. An axis that keeps its length is copied, as in PIL.
    let (top, bottom) = rows.source_range();
    let source = &image.as_raw()[top * width * 3..bottom * width * 3];
    let pixels: Vec<u8> = if passes.vertical_first((width, height), x, y) {
        let (left, right) = columns.source_range();
        let part: Vec<u8> = source.chunks_exact(width * 3).flat_map(|row| &row[left * 3..right * 3]).copied().collect();
        let stride = (right - left) * 3;
        let low = rows.vertical(&part, stride, top);
        low.chunks_exact(stride).flat_map(|row| columns.horizontal(row, left)).collect()
    } else {
        let narrow: Vec<u8> = source.chunks_exact(width * 3).flat_map(|row| columns.horizontal(row, 0)).collect();
        rows.vertical(&narrow, x.length * 3, top)
    };
    RgbImage::from_raw(x.length as u32, y.length as u32, pixels).expect("three bytes for every pixel")
}

/// The source positions and their weights for every kept position of one axis.
struct Weights {
    /// (first source position, weights in fixed point)
    taps: Vec<(usize, Vec<i32>)>,
}

impl Weights {
    fn new(filter: Filter, source: usize, span: Span) -> Self {
        let positions = span.start..span.start + span.length;
        if source == span.resized {
            return Self { taps: positions.map(|at| (at, vec![1 << PRECISION])).collect() };
        }
        let taps = positions.map(|at| {
            let (from, weights) = taps(filter, source, span.resized, at);
            (from, weights.into_iter().map(fixed).collect())
        });
        Self { taps: taps.collect() }
    }

    /// Source positions that are read: `first..last`.
    fn source_range(&self) -> (usize, usize) {
        let first = self.taps.iter().map(|(from, _)| *from).min().unwrap_or(0);
        let last = self.taps.iter().map(|(from, weights)| from + weights.len()).max().unwrap_or(0);
        (first, last)
    }

    /// One row of interleaved RGB, which starts with source column `first`, shortened to the kept columns.
    fn horizontal(&self, row: &[u8], first: usize) -> impl Iterator<Item = u8> {
        self.taps.iter().flat_map(move |(from, weights)| {
            let mut sums = [1 << (PRECISION - 1); 3];
            let (pixels, _) = row[(from - first) * 3..].as_chunks::<3>();
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

/// The weights of the source pixels that make pixel `at` of an axis that is resized from `source` to `resized` pixels,
/// and the position of the first of them. Their sum is 1.
#[must_use]
pub fn taps(filter: Filter, source: usize, resized: usize, at: usize) -> (usize, Vec<f64>) {
    let scale = source as f64 / resized as f64;
    let filter_scale = scale.max(1.0);
    let support = filter.support() * filter_scale;
    let center = (at as f64 + 0.5) * scale;
    let from = (center - support + 0.5).max(0.0) as usize;
    let to = ((center + support + 0.5) as usize).min(source);
    let position = |i: usize| (i as f64 - center + 0.5) * (1.0 / filter_scale);
    let weights: Vec<f64> = (from..to).map(|i| filter.weight(position(i))).collect();
    let sum: f64 = weights.iter().sum();
    (from, weights.into_iter().map(|w| if sum == 0.0 { w } else { w / sum }).collect())
}

/// The cubic of `x` ≥ 0.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    match x {
        _ if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        _ if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}

/// sinc(x) · sinc(x / 3) for −3 ≤ x < 3, else 0.
fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
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

    const FILTERS: [Filter; 3] = [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos];

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
            for filter in FILTERS {
                let small =
                    resize_and_crop(&image, filter, Passes::Pillow13, Span::whole(resized), Span::whole(resized + 2));
                assert!(small.pixels().all(|pixel| pixel.0 == [0, 128, 255]), "{filter:?} {size} → {resized}");
            }
        }
    }

    #[test]
    fn the_same_size_is_a_copy() {
        let image = noise(7, 5);
        assert_eq!(resize_and_crop(&image, Filter::Bicubic, Passes::Pillow13, Span::whole(7), Span::whole(5)), image);
    }

    #[test]
    fn cropping_while_resizing_equals_cropping_after() {
        let image = noise(37, 23);
        for (width, height, passes) in [
            (16, 10, Passes::Horizontal),
            (80, 50, Passes::Pillow13),
            (37, 10, Passes::Pillow13),
            (16, 23, Passes::Pillow13),
            (36, 10, Passes::Pillow13),
        ] {
            let filter = Filter::Lanczos;
            let whole = resize_and_crop(&image, filter, passes, Span::whole(width), Span::whole(height));
            let (x, y) = (Span { resized: width, start: 5, length: 9 }, Span { resized: height, start: 1, length: 8 });
            let part = resize_and_crop(&image, filter, passes, x, y);
            assert_eq!(part, image::imageops::crop_imm(&whole, 5, 1, 9, 8).to_image(), "{width} × {height}");
        }
    }
}
