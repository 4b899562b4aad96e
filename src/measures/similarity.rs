//! Normalised cross-correlation, and the most similar of several images.

use super::thumbnail::Thumbnail;

/// Zero-mean normalised cross-correlation `Σ a b / sqrt(Σ a² Σ b²)` of two thumbnails, −1..=1: 1 for the same picture
/// at any size, brightness, contrast and tint, about 0 for unrelated pictures, 0 if one is a flat colour.
/// J. P. Lewis, *Fast normalized cross-correlation*, 1995, equation 2, without shifts.
#[must_use]
pub fn ncc(a: &Thumbnail, b: &Thumbnail) -> f64 {
    a.dot(b)
}

/// The reference most like `image`: its index and [`ncc`]. The first of equals; `None` without references.
///
/// A mirrored copy does not count as a copy: photos are never flipped in training.
#[must_use]
pub fn nearest(image: &Thumbnail, references: &[Thumbnail]) -> Option<(usize, f64)> {
    best(image, references.iter().enumerate())
}

/// For every image of a set the [`ncc`] with the most similar *other* image; empty for fewer than two images.
///
/// It says how much a real photo is like its siblings without any copying.
#[must_use]
pub fn leave_one_out(images: &[Thumbnail]) -> Vec<f64> {
    let others = |i: usize| images.iter().enumerate().filter(move |(j, _)| *j != i);
    (0..images.len()).filter_map(|i| best(&images[i], others(i))).map(|(_, similarity)| similarity).collect()
}

fn best<'a>(image: &Thumbnail, references: impl Iterator<Item = (usize, &'a Thumbnail)>) -> Option<(usize, f64)> {
    references
        .map(|(i, reference)| (i, ncc(image, reference)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    /// A picture that differs with `kind`: `width` × `height` pixels, brightness × `gain` + `offset`.
    fn picture(kind: usize, width: u32, height: u32, gain: f64, offset: f64) -> Thumbnail {
        Thumbnail::new(&RgbImage::from_fn(width, height, |x, y| {
            let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
            Rgb([0, 1, 2].map(|channel| {
                let wave = ((kind + 2) as f64 * u + f64::from(channel) + kind as f64 * v * v * 3.0).sin();
                (offset + gain * (100.0 + 80.0 * wave)) as u8
            }))
        }))
    }

    #[test]
    fn size_brightness_and_contrast_do_not_matter() {
        let plain = picture(1, 128, 128, 1.0, 0.0);
        assert!(ncc(&plain, &picture(1, 256, 96, 1.0, 0.0)) > 0.999);
        assert!(ncc(&plain, &picture(1, 128, 128, 0.5, 90.0)) > 0.999);
        assert!(ncc(&plain, &picture(2, 128, 128, 1.0, 0.0)) < 0.9);
    }

    #[test]
    fn the_nearest_is_found_the_first_of_equals() {
        let image = picture(3, 64, 64, 1.0, 0.0);
        let references: Vec<_> = [0, 1, 3, 3].map(|kind| picture(kind, 90, 70, 0.8, 10.0)).into();
        let (index, similarity) = nearest(&image, &references).expect("nearest");
        assert_eq!(index, 2);
        assert!(similarity > 0.99);
        assert_eq!(nearest(&image, &[]), None);
    }

    #[test]
    fn leave_one_out_never_compares_an_image_with_itself() {
        let images: Vec<_> = (0..4).map(|kind| picture(kind, 64, 64, 1.0, 0.0)).collect();
        let ceiling = leave_one_out(&images);
        assert_eq!(ceiling.len(), 4);
        assert!(ceiling.iter().all(|&similarity| similarity < 0.99), "{ceiling:?}");
        assert!(leave_one_out(&images[..1]).is_empty());
    }
}
