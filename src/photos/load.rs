//! From a scanned photo to the square a model trains on.

use image::RgbImage;

use super::crop::Cut;
use super::decode::decode;
use super::error::PhotoError;
use super::file::read_photo;
use super::photo::Photo;
use crate::picture::{Filter, Passes, resize_and_crop};

/// Reads a photo and cuts out what a model trains on, 8-bit RGB.
///
/// For a square, the shorter side is resized to the resolution (at least 1) as
/// `torchvision.transforms.functional.resize(image, resolution, InterpolationMode.LANCZOS)` does on PIL images, bit
/// for bit, then the square is cut out.
///
/// # Errors
/// A file that cannot be read or decoded, or that changed since it was scanned.
pub fn load(photo: &Photo, cut: &Cut) -> Result<RgbImage, PhotoError> {
    let image = upright(photo)?;
    let (x, y) = cut.spans(image.dimensions(), &photo.hash);
    Ok(resize_and_crop(&image, Filter::Lanczos, Passes::Horizontal, x, y))
}

/// Top and left of what [`load`] cuts out, in pixels of the scaled photo.
#[must_use]
pub fn corner(photo: &Photo, cut: &Cut) -> [usize; 2] {
    let (x, y) = cut.spans((photo.width, photo.height), &photo.hash);
    [y.start, x.start]
}

/// The whole photo, upright. It is an error if the file changed since it was scanned.
pub(super) fn upright(photo: &Photo) -> Result<RgbImage, PhotoError> {
    let bytes = read_photo(&photo.path)?;
    if blake3::hash(&bytes).to_hex().as_str() != photo.hash {
        return Err(PhotoError::Changed { path: photo.path.clone() });
    }
    decode(&photo.path, &bytes, photo.format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Crop;
    use std::path::PathBuf;

    #[derive(serde::Deserialize)]
    struct Case {
        input: String,
        upright: String,
        tolerance: u8,
        squares: Vec<Square>,
    }

    #[derive(serde::Deserialize)]
    struct Square {
        resolution: usize,
        file: String,
    }

    /// `tests/golden/photos`, made by its `make.py`.
    fn golden(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/photos").join(name)
    }

    fn cases() -> Vec<Case> {
        let text = std::fs::read_to_string(golden("cases.json")).expect("cases.json");
        serde_json::from_str(&text).expect("cases")
    }

    fn expected(name: &str) -> RgbImage {
        let bytes = std::fs::read(golden("expected").join(name)).expect("expected image");
        image::load_from_memory(&bytes).expect("a PNG").into_rgb8()
    }

    fn photo(input: &str) -> Photo {
        let scan = crate::photos::scan(&[golden("inputs").join(input)], None).expect("scan");
        scan.photos.into_iter().next().expect("one photo")
    }

    /// Largest difference of a channel; also asserts that differences are rare or small.
    fn difference(a: &RgbImage, b: &RgbImage) -> u8 {
        assert_eq!(a.dimensions(), b.dimensions());
        let differences: Vec<u8> = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).collect();
        let mean = differences.iter().map(|&d| f64::from(d)).sum::<f64>() / differences.len() as f64;
        assert!(mean < 1.0, "mean difference {mean}");
        differences.into_iter().max().unwrap_or(0)
    }

    #[test]
    fn every_kind_of_photo_is_read_as_pil_reads_it() {
        let mut wrong = Vec::new();
        for case in cases() {
            let photo = photo(&case.input);
            let image = upright(&photo).unwrap_or_else(|e| panic!("{}: {e}", case.input));
            assert_eq!(image.dimensions(), (photo.width, photo.height), "{}", case.input);
            let difference = difference(&image, &expected(&case.upright));
            if difference > case.tolerance {
                wrong.push((case.input, difference));
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn squares_equal_torchvision_bit_for_bit() {
        let mut wrong = Vec::new();
        for case in cases() {
            let photo = photo(&case.input);
            for square in case.squares {
                let image =
                    load(&photo, &Cut { resolution: square.resolution, crop: Crop::Center, seed: 0, buckets: false })
                        .expect("loads");
                let difference = difference(&image, &expected(&square.file));
                if difference > case.tolerance {
                    wrong.push((square.file, difference));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
