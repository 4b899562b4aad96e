//! Where the training square lies.

use crate::choice::Crop;
use crate::picture::{Span, longer_side};

/// The spans of both axes for a square of `resolution` pixels of a photo of `size` (width, height; both at least 1);
/// `hash` is the photo's.
///
/// Sizes as `torchvision.transforms.functional.resize(image, resolution)`: the shorter side becomes `resolution`, the
/// longer `int(resolution * long / short)`. The middle as `torchvision.transforms.functional.center_crop`:
/// `int(round((long - resolution) / 2.0))` with Python's rounding of halves to even.
pub(super) fn square(size: (u32, u32), hash: &str, resolution: usize, crop: Crop, seed: u64) -> (Span, Span) {
    let (width, height) = (size.0 as usize, size.1 as usize);
    let [draw_x, draw_y] = draws(hash, seed);
    let span = |side: usize, short: usize, draw: u64| {
        let resized = longer_side(side, short, resolution);
        let room = resized - resolution;
        let start = match crop {
            Crop::Center => room / 2 + usize::from(room % 4 == 3),
            // Uniform in 0..=room, by multiplying and keeping the upper 64 bits.
            Crop::Random => ((u128::from(draw) * (room as u128 + 1)) >> 64) as usize,
        };
        Span { resized, start, length: resolution }
    };
    let short = width.min(height);
    (span(width, short, draw_x), span(height, short, draw_y))
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
