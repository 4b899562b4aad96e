//! What a photo's header says: size, orientation, number of frames. No pixels are decoded, except for the first frames
//! of a GIF.

use std::io::Cursor;
use std::path::Path;

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{AnimationDecoder, ImageDecoder, ImageReader, ImageResult, Limits};

use super::{Format, MAX_DECODER_BYTES, MAX_PIXELS, PhotoError};

/// What a photo's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Pixels from left to right, after orientation.
    pub(super) width: u32,
    /// Pixels from top to bottom, after orientation.
    pub(super) height: u32,
    /// How to turn the stored pixels upright.
    pub(super) orientation: Orientation,
}

/// Opens the decoder of `bytes` with limits on what it may allocate.
pub(super) fn decoder(bytes: &[u8], format: Format) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.image());
    reader.limits(limits());
    reader.into_decoder().map(|decoder| Box::new(decoder) as Box<dyn ImageDecoder + '_>)
}

/// A decoder's message without its line breaks.
pub(super) fn one_line(error: &image::ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    limits
}

/// Reads the header of a photo; `path` is for messages only.
pub(super) fn read(path: &Path, bytes: &[u8], format: Format) -> Result<Header, PhotoError> {
    let broken = |e| PhotoError::undecodable(path, format!("not a readable {format} file ({})", one_line(&e)));
    let mut decoder = decoder(bytes, format).map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PhotoError::undecodable(path, format!("a {format} file without pixels")));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PhotoError::TooManyPixels { path: path.to_owned(), width, height });
    }
    let orientation = orientation(bytes, format, decoder.as_mut());
    let (width, height) = if turns(orientation) { (height, width) } else { (width, height) };
    Ok(Header { width, height, orientation })
}

/// True if the orientation exchanges width and height.
fn turns(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// As `PIL.ImageOps.exif_transpose`: the EXIF (or TIFF) tag 0x0112, else `tiff:Orientation` of the XMP packet, else
/// upright. Metadata that cannot be read count as absent.
fn orientation(bytes: &[u8], format: Format, decoder: &mut dyn ImageDecoder) -> Orientation {
    let exif = decoder.exif_metadata().ok().flatten();
    let exif = exif.or_else(|| if format == Format::Png { late_exif(bytes) } else { None });
    if let Some(orientation) = exif.and_then(|chunk| Orientation::from_exif_chunk(&chunk)) {
        return orientation;
    }
    match decoder.orientation() {
        Ok(orientation) if orientation != Orientation::NoTransforms => orientation,
        _ => decoder.xmp_metadata().ok().flatten().and_then(|xmp| from_xmp(&xmp)).unwrap_or(Orientation::NoTransforms),
    }
}

/// The `eXIf` chunk of a PNG wherever it stands; the decoder sees only those before the pixels.
fn late_exif(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let data = rest.get(8..length.checked_add(8)?)?;
        match &rest[4..8] {
            b"eXIf" => return Some(data.to_vec()),
            b"IEND" => return None,
            _ => rest = rest.get(length.checked_add(12)?..)?,
        }
    }
}

/// `tiff:Orientation="6"` or `<tiff:Orientation>6<`.
fn from_xmp(xmp: &[u8]) -> Option<Orientation> {
    let text = String::from_utf8_lossy(xmp);
    let (_, value) = text.split_once("tiff:Orientation")?;
    let digit = value.strip_prefix("=\"").or_else(|| value.strip_prefix('>'))?.bytes().next()?;
    Orientation::from_exif(digit.checked_sub(b'0')?)
}

/// True if the file has more than one frame.
pub(super) fn is_animated(bytes: &[u8], format: Format) -> bool {
    let reader = Cursor::new(bytes);
    match format {
        Format::Gif => GifDecoder::new(reader)
            .and_then(|mut decoder| decoder.set_limits(limits()).map(|()| decoder))
            .is_ok_and(|decoder| decoder.into_frames().take(2).filter(Result::is_ok).count() > 1),
        Format::Png => PngDecoder::with_limits(reader, limits()).and_then(|d| d.is_apng()).unwrap_or(false),
        Format::Webp => WebPDecoder::new(reader).is_ok_and(|decoder| decoder.has_animation()),
        Format::Bmp | Format::Jpeg | Format::Tiff => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_orientation_is_found_in_both_spellings() {
        assert_eq!(from_xmp(b"<rdf tiff:Orientation=\"6\"/>"), Some(Orientation::Rotate90));
        assert_eq!(from_xmp(b"<tiff:Orientation>3</tiff:Orientation>"), Some(Orientation::Rotate180));
        assert_eq!(from_xmp(b"tiff:Orientation=\"9\""), None);
        assert_eq!(from_xmp(b"tiff:Orientation"), None);
        assert_eq!(from_xmp(b"\xff\xfe"), None);
    }

    #[test]
    fn a_bomb_is_refused_before_its_pixels() {
        // A PNG header that promises 60000 × 60000 pixels.
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0".to_vec();
        let crc = file[12..].iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
        });
        file.extend((!crc).to_be_bytes());
        file.extend(b"\0\0\0\x01IDAT\0\x8d\xb2\xa5\x38");
        let error = read(Path::new("bomb.png"), &file, Format::Png).expect_err("refused");
        assert!(matches!(error, PhotoError::TooManyPixels { width: 60000, height: 60000, .. }), "{error}");
    }
}
