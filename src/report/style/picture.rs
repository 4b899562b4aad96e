//! Images of the store, and their small copies for the page.

use image::codecs::jpeg::JpegEncoder;
use image::{RgbImage, imageops::FilterType};

use crate::report::error::ReportError;

/// Images up to this width are shown as they are; wider ones get a small copy for the page.
pub(crate) const THUMBNAIL: u32 = 256;

/// The file the page shows for an image of that width: itself, or its small copy.
pub(crate) fn shown(file: &str, width: u32) -> String {
    if width <= THUMBNAIL { file.to_owned() } else { format!("thumbnails/{file}.jpg") }
}

/// Decodes an image of the store; `name` is for the message.
pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<RgbImage, ReportError> {
    image::load_from_memory(bytes)
        .map(|i| i.to_rgb8())
        .map_err(|e| ReportError::Image { name: name.to_owned(), reason: e.to_string() })
}

/// A JPEG of at most [`THUMBNAIL`] pixels width.
pub(crate) fn thumbnail(name: &str, image: &RgbImage) -> Result<Vec<u8>, ReportError> {
    let width = image.width().min(THUMBNAIL);
    let height = scaled(image.height(), width, image.width());
    let small = image::imageops::resize(image, width, height, FilterType::Lanczos3);
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 88)
        .encode_image(&small)
        .map_err(|e| ReportError::Image { name: name.to_owned(), reason: e.to_string() })?;
    Ok(out)
}

/// `length · to / from`, at least 1.
pub(crate) fn scaled(length: u32, to: u32, from: u32) -> u32 {
    let v = u64::from(length) * u64::from(to) / u64::from(from.max(1));
    u32::try_from(v).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_image_is_named() {
        let error = decode("images/a.png", b"\x89PNG nonsense").expect_err("refused");
        assert!(error.to_string().starts_with("images/a.png is not a readable image"), "{error}");
    }

    #[test]
    fn wide_images_get_small_copies() {
        assert_eq!(shown("images/a.png", 256), "images/a.png");
        assert_eq!(shown("images/a.png", 512), "thumbnails/images/a.png.jpg");
        let small = thumbnail("a", &RgbImage::new(512, 384)).expect("encodes");
        assert_eq!(decode("a", &small).expect("decodes").dimensions(), (256, 192));
    }
}
