//! How sharp the sharpest part of a photo is.

use super::grey::Grey;

/// Tiles from left to right and from top to bottom.
const TILES: usize = 8;
/// This many tiles, the sharpest ones, count: the subject is sharp even where the background is not.
const SHARPEST: usize = 6;

/// Mean square of the Laplacian (four neighbours minus four times the middle) of the sharpest tiles, in squared grey
/// levels. The picture is at a fixed scale ([`Grey`]), so that photos of different sizes can be compared. 0 for a
/// picture of less than 3 pixels on a side.
///
/// Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000; there it is the variance over
/// the whole picture. The mean of a Laplacian is near 0, so the mean square is the variance.
pub(in crate::photos) fn sharpness(grey: &Grey) -> f32 {
    let (width, height) = (grey.width, grey.height);
    if width < 3 || height < 3 {
        return 0.0;
    }
    let mut sums = [(0.0f64, 0u32); TILES * TILES];
    for y in 1..height - 1 {
        let row = |y: usize| &grey.cells[y * width..(y + 1) * width];
        let (above, here, below) = (row(y - 1), row(y), row(y + 1));
        for x in 1..width - 1 {
            let laplacian = f64::from(above[x] + below[x] + here[x - 1] + here[x + 1] - 4.0 * here[x]);
            let tile = (y - 1) * TILES / (height - 2) * TILES + (x - 1) * TILES / (width - 2);
            sums[tile].0 += laplacian * laplacian;
            sums[tile].1 += 1;
        }
    }
    let mut means: Vec<f64> = sums.iter().filter(|tile| tile.1 > 0).map(|tile| tile.0 / f64::from(tile.1)).collect();
    means.sort_by(|a, b| b.total_cmp(a));
    means.truncate(SHARPEST);
    (means.iter().sum::<f64>() / means.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photos::check::demo::photo;
    use image::RgbImage;
    use image::imageops;

    fn of(image: &RgbImage) -> f32 {
        sharpness(&Grey::of(image))
    }

    #[test]
    fn a_blurred_photo_has_less_than_a_tenth() {
        for number in [0, 8, 21] {
            let sharp = photo(number);
            let ratio = |sigma| of(&imageops::blur(&sharp, sigma)) / of(&sharp);
            assert!(ratio(1.5) < 0.05 && ratio(3.0) < ratio(1.5), "{number}: {} {}", ratio(1.5), ratio(3.0));
        }
    }

    #[test]
    fn the_scale_is_fixed() {
        let photo = photo(3);
        let large = imageops::resize(&photo, photo.width() * 4, photo.height() * 4, imageops::FilterType::Nearest);
        assert!((of(&large) / of(&photo) - 1.0).abs() < 0.05);
    }

    #[test]
    fn pictures_without_detail_have_none() {
        for (width, height) in [(1, 1), (2, 9), (3, 3), (300, 5)] {
            assert_eq!(of(&RgbImage::from_pixel(width, height, image::Rgb([7, 8, 9]))), 0.0);
        }
    }
}
