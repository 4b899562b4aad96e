//! Normalised cross-correlation, and the most similar of several images.

use serde::{Deserialize, Serialize};

use super::Thumbnail;

/// Whether a mirrored copy counts as a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mirrors {
    /// Only the image as it is; right if photos are never flipped in training.
    Ignored,
    /// The better of the image and its mirror.
    Counted,
}

/// Zero-mean normalised cross-correlation `Σ a b / sqrt(Σ a² Σ b²)` of two thumbnails, −1..=1: 1 for the same picture
/// at any size, brightness, contrast and tint, about 0 for unrelated pictures, 0 if one is a flat colour.
/// J. P. Lewis, *Fast normalized cross-correlation*, 1995, equation 2, without shifts.
#[must_use]
pub fn ncc(a: &Thumbnail, b: &Thumbnail) -> f64 {
    a.dot(b)
}

/// The reference most like `image`: its index and [`ncc`]. The first of equals; `None` without references.
#[must_use]
pub fn nearest(image: &Thumbnail, references: &[Thumbnail], mirrors: Mirrors) -> Option<(usize, f64)> {
    best(image, references.iter().enumerate(), mirrors)
}

/// For every image of a set the [`ncc`] with the most similar *other* image; empty for fewer than two images.
///
/// The real-vs-real ceiling: how like its siblings a photo is without any copying.
#[must_use]
pub fn leave_one_out(images: &[Thumbnail], mirrors: Mirrors) -> Vec<f64> {
    let others = |i: usize| images.iter().enumerate().filter(move |(j, _)| *j != i);
    (0..images.len()).filter_map(|i| best(&images[i], others(i), mirrors)).map(|(_, similarity)| similarity).collect()
}

fn best<'a>(
    image: &Thumbnail,
    references: impl Iterator<Item = (usize, &'a Thumbnail)>,
    mirrors: Mirrors,
) -> Option<(usize, f64)> {
    let mirror = (mirrors == Mirrors::Counted).then(|| image.mirrored());
    references
        .map(|(i, reference)| {
            let mirrored = mirror.as_ref().map_or(-1.0, |mirror| ncc(mirror, reference));
            (i, ncc(image, reference).max(mirrored))
        })
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::Image;

    /// A picture that differs with `kind`: `width` × `height` pixels, brightness × `gain` + `offset`.
    fn picture(kind: usize, width: usize, height: usize, gain: f64, offset: f64) -> Thumbnail {
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let (u, v) = (x as f64 / width as f64, y as f64 / height as f64);
                for channel in 0..3 {
                    let wave = ((kind + 2) as f64 * u + channel as f64 + kind as f64 * v * v * 3.0).sin();
                    pixels.push((offset + gain * (100.0 + 80.0 * wave)) as u8);
                }
            }
        }
        Thumbnail::new(Image::new(width, height, &pixels).expect("image"))
    }

    #[test]
    fn size_brightness_and_contrast_do_not_matter() {
        let plain = picture(1, 128, 128, 1.0, 0.0);
        assert!(ncc(&plain, &picture(1, 256, 96, 1.0, 0.0)) > 0.999);
        assert!(ncc(&plain, &picture(1, 128, 128, 0.5, 90.0)) > 0.999);
        assert!(ncc(&plain, &picture(2, 128, 128, 1.0, 0.0)) < 0.9);
    }

    #[test]
    fn a_flat_colour_is_like_nothing() {
        let flat = Thumbnail::new(Image::new(50, 50, &[77; 7500]).expect("image"));
        assert_eq!(ncc(&flat, &flat), 0.0);
        assert_eq!(ncc(&flat, &picture(1, 50, 50, 1.0, 0.0)), 0.0);
    }

    #[test]
    fn the_nearest_is_found_the_first_of_equals() {
        let image = picture(3, 64, 64, 1.0, 0.0);
        let references: Vec<_> = [0, 1, 3, 3].map(|kind| picture(kind, 90, 70, 0.8, 10.0)).into();
        let (index, similarity) = nearest(&image, &references, Mirrors::Ignored).expect("nearest");
        assert_eq!(index, 2);
        assert!(similarity > 0.99);
        assert_eq!(nearest(&image, &[], Mirrors::Ignored), None);
    }

    #[test]
    fn mirrored_copies_are_found_when_they_count() {
        let image = picture(3, 64, 64, 1.0, 0.0);
        let mirrored = [image.mirrored()];
        assert!(nearest(&image, &mirrored, Mirrors::Ignored).expect("one").1 < 0.9);
        assert!(nearest(&image, &mirrored, Mirrors::Counted).expect("one").1 > 0.999);
    }

    #[test]
    fn leave_one_out_never_compares_an_image_with_itself() {
        let images: Vec<_> = (0..4).map(|kind| picture(kind, 64, 64, 1.0, 0.0)).collect();
        let ceiling = leave_one_out(&images, Mirrors::Ignored);
        assert_eq!(ceiling.len(), 4);
        assert!(ceiling.iter().all(|&similarity| similarity < 0.99), "{ceiling:?}");
        assert!(leave_one_out(&images[..1], Mirrors::Ignored).is_empty());
    }
}
