//! The picture that ModelSpec keeps in a file's metadata, as a `data:` URL.
//! <https://github.com/Stability-AI/ModelSpec#thumbnail>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, ImageReader, Limits};
use std::collections::BTreeMap;
use std::io::Cursor;

/// The metadata that has the picture.
pub(super) const THUMBNAIL: &str = "modelspec.thumbnail";
/// Larger ones are refused: characters of the URL, and pixels of a side.
const LARGEST: (usize, u32) = (16 << 20, 4096);

/// A picture that was decoded once, so that it is known to be one.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// The file, as it is in the metadata.
    pub bytes: Vec<u8>,
    /// `PNG`, `JPEG`, `WebP` or `GIF`.
    pub format: &'static str,
    /// The ending of a file of that format.
    pub ending: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// The picture of a file with that metadata; `None` if it has none.
///
/// # Errors
/// Why what is there is no picture, for people.
pub fn thumbnail(metadata: &BTreeMap<String, String>) -> Option<Result<Thumbnail, String>> {
    metadata.get(THUMBNAIL).filter(|url| !url.is_empty()).map(|url| read(url))
}

fn read(url: &str) -> Result<Thumbnail, String> {
    if url.len() > LARGEST.0 {
        return Err(format!("its thumbnail has {} characters, more than {}", url.len(), LARGEST.0));
    }
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let Some((_, data)) = data else { return Err("its thumbnail is no data: URL in base64".to_owned()) };
    let bytes = STANDARD.decode(data).map_err(|error| format!("its thumbnail is not base64: {error}"))?;
    let format = image::guess_format(&bytes).ok().and_then(|format| match format {
        ImageFormat::Png => Some((format, "PNG", "png")),
        ImageFormat::Jpeg => Some((format, "JPEG", "jpg")),
        ImageFormat::WebP => Some((format, "WebP", "webp")),
        ImageFormat::Gif => Some((format, "GIF", "gif")),
        _ => None,
    });
    let Some((kind, format, ending)) = format else { return Err("its thumbnail is no picture".to_owned()) };
    let mut reader = ImageReader::with_format(Cursor::new(&bytes), kind);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST.1), Some(LARGEST.1));
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| format!("its thumbnail cannot be decoded: {error}"))?;
    let (width, height) = (picture.width(), picture.height());
    Ok(Thumbnail { bytes, format, ending, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: String) -> Result<Thumbnail, String> {
        thumbnail(&BTreeMap::from([(THUMBNAIL.to_owned(), url)])).unwrap()
    }

    #[test]
    fn a_picture_is_shown_and_anything_else_is_not() {
        let png = crate::picture::encode_png(&image::RgbImage::new(5, 3), &[]).unwrap();
        let url = format!("data:image/jpeg;base64,{}", STANDARD.encode(&png));
        let read = of(url.clone()).unwrap();
        assert_eq!((read.format, read.width, read.height, read.bytes == png), ("PNG", 5, 3, true));
        let large = crate::picture::encode_png(&image::RgbImage::new(5000, 1), &[]).unwrap();
        for (wrong, reason) in [
            (url[..url.len() - 40].to_owned(), "decoded"),
            ("x".to_owned(), "data: URL"),
            ("data:image/png;base64,???".to_owned(), "base64"),
            (format!("data:image/png;base64,{}", STANDARD.encode("<script>")), "no picture"),
            (format!("data:image/png;base64,{}", STANDARD.encode(large)), "decoded"),
            ("x".repeat(LARGEST.0 + 1), "characters"),
        ] {
            let error = of(wrong).map(|_| ()).unwrap_err();
            assert!(error.contains(reason) || error.contains("base64"), "{error}");
        }
        assert!(thumbnail(&BTreeMap::new()).is_none());
    }
}
