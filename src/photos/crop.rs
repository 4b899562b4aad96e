//! What is cut out of a photo.

use crate::choice::Crop;
use crate::picture::{Span, longer_side};

/// How photos are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Side of the square in pixels.
    pub resolution: usize,
    /// Where the cut lies.
    pub crop: Crop,
    /// Matters for [`Crop::Random`] only.
    pub seed: u64,
    /// The cut has a shape near that of the photo, and about as many pixels as the square.
    pub buckets: bool,
}

impl Cut {
    /// Width and height of what is cut out of a photo of `size` (width, height; both at least 1).
    ///
    /// Without buckets the square. With buckets the rectangle whose ratio of width to height is nearest to that of the
    /// photo, by difference, among those of sd-scripts' `make_bucket_resolutions`: widths from half of the resolution
    /// to twice the resolution in steps of 64 (an eighth of a resolution below 512, in steps of 8), each with the
    /// greatest height in such steps and bounds so that it has at most resolution² pixels; each of these turned by a
    /// right angle; and the square. Of two that are as near, the narrower one; a photo of such a size keeps it.
    #[must_use]
    pub fn size(&self, size: (u32, u32)) -> (usize, usize) {
        let resolution = self.resolution;
        if !self.buckets {
            return (resolution, resolution);
        }
        let step = (resolution / 8 / 8 * 8).clamp(8, 64);
        let (least, most) = ((resolution / 2).div_ceil(step) * step, resolution * 2 / step * step);
        let mut shapes = vec![(resolution / step * step, resolution / step * step)];
        for width in (least..=most).step_by(step) {
            let height = (resolution * resolution / width / step * step).min(most);
            if height >= least {
                shapes.extend([(width, height), (height, width)]);
            }
        }
        shapes.sort_unstable();
        let own = (size.0 as usize, size.1 as usize);
        if shapes.contains(&own) {
            return own;
        }
        let ratio = f64::from(size.0) / f64::from(size.1);
        let distance = |shape: &(usize, usize)| (shape.0 as f64 / shape.1 as f64 - ratio).abs();
        let nearest = shapes.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.copied().unwrap_or((resolution, resolution))
    }

    /// Left of the cut in the mirror image of the scaled photo, in pixels, of a photo of `size` (width, height; both at
    /// least 1); `hash` is the photo's. Its top is that of the photo itself.
    #[must_use]
    pub fn mirrored_left(&self, size: (u32, u32), hash: &str) -> usize {
        let (x, _) = self.spans(size, hash);
        x.resized - x.start - x.length
    }

    /// The spans of both axes of a photo of `size` (width, height; both at least 1); `hash` is the photo's.
    ///
    /// The photo is scaled so that it just covers the cut. For a square, sizes are as
    /// `torchvision.transforms.functional.resize(image, resolution)`: the shorter side becomes `resolution`, the longer
    /// `int(resolution * long / short)`; so they are for other shapes. The middle as
    /// `torchvision.transforms.functional.center_crop`: `int(round((long - resolution) / 2.0))` with Python's rounding
    /// of halves to even.
    pub(super) fn spans(&self, size: (u32, u32), hash: &str) -> (Span, Span) {
        let (width, height) = (size.0 as usize, size.1 as usize);
        let (wide, high) = self.size(size);
        let [draw_x, draw_y] = draws(hash, self.seed);
        // Both axes are scaled as the one that has less to spare.
        let by_width = width as u128 * high as u128 <= height as u128 * wide as u128;
        let (from, to) = if by_width { (width, wide) } else { (height, high) };
        let span = |side: usize, length: usize, draw: u64| {
            let resized = longer_side(side, from, to).max(length);
            let room = resized - length;
            let start = match self.crop {
                Crop::Center => room / 2 + usize::from(room % 4 == 3),
                // Uniform in 0..=room, by multiplying and keeping the upper 64 bits.
                Crop::Random => ((u128::from(draw) * (room as u128 + 1)) >> 64) as usize,
            };
            Span { resized, start, length }
        };
        (span(width, wide, draw_x), span(height, high, draw_y))
    }
}

/// Two numbers that depend on the seed and the photo's content only.
fn draws(hash: &str, seed: u64) -> [u64; 2] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"runner photo crop 1\0").update(&seed.to_le_bytes()).update(hash.as_bytes());
    let mut bytes = [[0; 8]; 2];
    hasher.finalize_xof().fill(bytes.as_flattened_mut());
    bytes.map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn square(size: (u32, u32), hash: &str, resolution: usize, crop: Crop, seed: u64) -> (Span, Span) {
        Cut { resolution, crop, seed, buckets: false }.spans(size, hash)
    }

    /// `tests/golden/training/make_sd_scripts.py` asked sd-scripts' own `BucketManager`.
    #[test]
    fn buckets_are_those_of_sd_scripts() {
        #[derive(serde::Deserialize)]
        struct Golden {
            buckets: Vec<Resolution>,
        }
        #[derive(serde::Deserialize)]
        struct Resolution {
            resolution: usize,
            /// Width and height of a photo, of its bucket, and of the scaled photo.
            photos: Vec<[u32; 6]>,
        }
        let text = include_str!("../../tests/golden/training/sd_scripts.json");
        let Golden { buckets } = serde_json::from_str(text).unwrap();
        assert!(buckets.len() > 3 && buckets.iter().all(|one| one.photos.len() > 20));
        for Resolution { resolution, photos } in buckets {
            let cut = Cut { resolution, crop: Crop::Center, seed: 0, buckets: true };
            for [width, height, wide, high, scaled_width, scaled_height] in photos {
                let size = (width, height);
                assert_eq!(cut.size(size), (wide as usize, high as usize), "{resolution} {size:?}");
                // sd-scripts rounds the longer side, torchvision cuts it off.
                let (x, y) = cut.spans(size, "a");
                for (ours, theirs) in [(x.resized, scaled_width), (y.resized, scaled_height)] {
                    assert!((theirs as usize).abs_diff(ours) <= 1, "{resolution} {size:?}: {ours} {theirs}");
                }
            }
        }
        let small = Cut { resolution: 64, crop: Crop::Center, seed: 0, buckets: true };
        assert_eq!(small.size((300, 200)), (80, 48));
    }

    #[test]
    fn the_mirror_image_of_a_cut_begins_where_the_cut_ends() {
        let cut = Cut { resolution: 64, crop: Crop::Random, seed: 3, buckets: false };
        let (x, _) = cut.spans((200, 100), "a");
        assert!(x.start > 0 && x.resized == 128);
        assert_eq!(cut.mirrored_left((200, 100), "a"), 128 - 64 - x.start);
    }

    proptest! {
        #[test]
        fn a_bucket_is_covered_by_its_photo(w in 1u32..9_000, h in 1u32..9_000, of in 4usize..16, seed: u64) {
            let cut = Cut { resolution: 64 * of, crop: Crop::Random, seed, buckets: true };
            let (width, height) = cut.size((w, h));
            prop_assert!(width * height <= cut.resolution * cut.resolution && width % 8 == 0 && height % 8 == 0);
            let (x, y) = cut.spans((w, h), "a");
            prop_assert_eq!((x.length, y.length), (width, height));
            prop_assert!(x.start + width <= x.resized && y.start + height <= y.resized);
            prop_assert!(x.resized == width || y.resized == height);
        }
    }

    #[test]
    fn the_middle_rounds_halves_to_even_as_python() {
        // [int(round(room / 2.0)) for room in range(9)] == [0, 0, 1, 2, 2, 2, 3, 4, 4]
        for (room, start) in [0, 0, 1, 2, 2, 2, 3, 4, 4].into_iter().enumerate() {
            let (x, y) = square((100 + room as u32, 100), "a", 100, Crop::Center, 0);
            assert_eq!((x.start, y.start), (start, 0), "{room}");
        }
    }

    #[test]
    fn the_longer_side_is_cut_not_rounded() {
        let (x, y) = square((3, 5), "a", 128, Crop::Center, 0);
        assert_eq!((x.resized, y.resized), (128, 213)); // 128 * 5 / 3 = 213.33
        assert_eq!(square((640, 427), "a", 512, Crop::Center, 0).0.resized, 767); // 767.4
        assert_eq!(square((1, 1), "a", 8, Crop::Center, 0).0.resized, 8);
    }

    proptest! {
        #[test]
        fn the_square_lies_inside(w in 1u32..70_000, h in 1u32..70_000, resolution in 1usize..2048, seed: u64) {
            for crop in [Crop::Center, Crop::Random] {
                let (x, y) = square((w, h), "a", resolution, crop, seed);
                prop_assert_eq!(x.resized.min(y.resized), resolution);
                for span in [x, y] {
                    prop_assert_eq!(span.length, resolution);
                    prop_assert!(span.start + span.length <= span.resized);
                }
                prop_assert_eq!((x, y), square((w, h), "a", resolution, crop, seed));
            }
        }
    }

    #[test]
    fn random_squares_reach_both_ends_and_depend_on_the_seed() {
        let starts: std::collections::BTreeSet<usize> =
            (0..200).map(|seed| square((110, 100), "a", 100, Crop::Random, seed).0.start).collect();
        assert_eq!(starts.into_iter().collect::<Vec<_>>(), (0..=10).collect::<Vec<_>>());
    }
}
