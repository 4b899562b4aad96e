//! Masks: grey pictures that say where in a photo the subject is, white on black.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::check::subject::Subject;
use super::crop::Cut;
use super::decode::decode;
use super::error::PhotoError;
use super::file::read_photo;
use super::memory::Memory;
use super::photo::Photo;
use super::{format, guard, header};
use crate::picture::{Filter, Passes, resize_and_crop};

/// The mask of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Where the file is.
    pub path: PathBuf,
    /// BLAKE3 of the file's bytes, 64 hexadecimal digits.
    pub hash: String,
    pub(super) subject: Subject,
}

impl Mask {
    /// The share of the photo that is subject, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from(self.subject.share)
    }
}

/// Reads and checks the mask of a photo. It has the size of the upright photo, or a smaller or larger size of the same
/// shape. `memory` knows masks that were decoded before.
///
/// # Errors
/// A file that cannot be read; a picture that is coloured, transparent, black all over or of another shape.
pub(super) fn read(path: &Path, photo: &Photo, memory: &mut Memory) -> Result<Mask, PhotoError> {
    let fail = |reason: String| PhotoError::Mask { path: path.to_owned(), reason };
    let bytes = read_photo(path)?;
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let format = format::recognise(&bytes).map_err(&fail)?;
    let size = guard::catch(|| header::read(path, &bytes, format)).map_err(&fail)??;
    if !same_shape((size.width, size.height), (photo.width, photo.height)) {
        let (width, height) = (photo.width, photo.height);
        return Err(fail(format!(
            "{} × {} pixels, but {} has {width} × {height}, which is another shape",
            size.width, size.height, photo.name
        )));
    }
    if let Some(subject) = memory.subject(&hash) {
        return Ok(Mask { path: path.to_owned(), hash, subject });
    }
    let image = grey(path, &bytes, format)?;
    let subject = Subject::of(&image).ok_or_else(|| fail("black all over, so nothing is the subject".into()))?;
    memory.add_subject(&hash, subject.clone());
    Ok(Mask { path: path.to_owned(), hash, subject })
}

/// The part of a mask that belongs to what is cut out of its photo ([`load`](super::load())), with the same arguments:
/// as many pixels, with three equal channels, 255 where the subject is.
///
/// # Errors
/// A file that cannot be read or decoded, or that changed since it was scanned.
pub fn load_mask(mask: &Mask, photo: &Photo, cut: &Cut) -> Result<RgbImage, PhotoError> {
    let bytes = read_photo(&mask.path)?;
    if blake3::hash(&bytes).to_hex().as_str() != mask.hash {
        return Err(PhotoError::Changed { path: mask.path.clone() });
    }
    let fail = |reason: String| PhotoError::Mask { path: mask.path.clone(), reason };
    let image = grey(&mask.path, &bytes, format::recognise(&bytes).map_err(&fail)?)?;
    let (x, y) = cut.spans((photo.width, photo.height), &photo.hash);
    Ok(resize_and_crop(&image, Filter::Lanczos, Passes::Horizontal, x, y))
}

/// Decodes a mask.
fn grey(path: &Path, bytes: &[u8], format: format::Format) -> Result<RgbImage, PhotoError> {
    let fail = |reason: &str| PhotoError::Mask { path: path.to_owned(), reason: reason.to_owned() };
    let has_alpha = || header::decoder(bytes, format).is_ok_and(|decoder| decoder.color_type().has_alpha());
    if guard::catch(has_alpha).unwrap_or(false) {
        return Err(fail("partly transparent"));
    }
    let image = decode(path, bytes, format)?;
    if image.pixels().any(|pixel| pixel.0 != [pixel.0[0]; 3]) {
        return Err(fail("coloured"));
    }
    Ok(image)
}

/// True if a mask of one size can lie over a photo of another: each side is right within one pixel.
fn same_shape(mask: (u32, u32), photo: (u32, u32)) -> bool {
    let [mask_width, mask_height] = [u64::from(mask.0), u64::from(mask.1)];
    let [width, height] = [u64::from(photo.0), u64::from(photo.1)];
    (mask_width * height).abs_diff(mask_height * width) <= width.max(height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_mask_has_the_same_shape_within_one_pixel() {
        for (mask, photo) in [((640, 480), (640, 480)), ((160, 120), (4032, 3024)), ((333, 250), (4032, 3024))] {
            assert!(same_shape(mask, photo), "{mask:?} {photo:?}");
        }
        for (mask, photo) in [((480, 640), (640, 480)), ((512, 512), (640, 480)), ((330, 250), (4032, 3024))] {
            assert!(!same_shape(mask, photo), "{mask:?} {photo:?}");
        }
    }
}
