//! What a photo's header says: size, orientation, number of frames. No pixels are decoded.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::Path;

use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{ImageDecoder, ImageReader, ImageResult, Limits};

use super::error::PhotoError;
use super::format::Format;
use super::jpeg::Layout;
use super::limits::{DECODER_BYTES, MAX_PIXELS};
use super::orientation;

/// What a photo's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Pixels from left to right, after orientation.
    pub(super) width: u32,
    /// Pixels from top to bottom, after orientation.
    pub(super) height: u32,
    /// How to turn the stored pixels upright.
    pub(super) orientation: Orientation,
    /// How a JPEG file that the usual decoder reads wrongly is stored.
    pub(super) unusual: Option<Layout>,
    /// See [`reading`](super::photo::Photo::reading).
    pub(super) reading: u32,
}

/// Opens the decoder of `bytes` with limits on what it may allocate.
pub(super) fn decoder(bytes: &[u8], format: Format) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    let mut reader = ImageReader::with_format(Cursor::new(without_promises(bytes, format)), format.image());
    reader.limits(limits(bytes, 0));
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    decoder.set_limits(limits(bytes, u64::from(width) * u64::from(height)))?;
    Ok(Box::new(decoder))
}

/// A WebP file whose flags announce no metadata. Programs that remove metadata may leave the flags, and the decoder
/// refuses a file in which an announced block is missing. Only pixels are read from the result.
fn without_promises(bytes: &[u8], format: Format) -> Cow<'_, [u8]> {
    const FLAGS: usize = 20;
    const METADATA: u8 = 0x20 | 8 | 4;
    if format != Format::Webp
        || bytes.get(12..16) != Some(b"VP8X")
        || bytes.get(FLAGS).is_none_or(|f| f & METADATA == 0)
    {
        return Cow::Borrowed(bytes);
    }
    let mut copy = bytes.to_vec();
    copy[FLAGS] &= !METADATA;
    Cow::Owned(copy)
}

/// A decoder's message without its line breaks.
pub(super) fn one_line(error: &image::ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a decoder may allocate: enough for the file and its pixels as 16-bit RGBA. Compressed metadata of a small file
/// cannot take more.
fn limits(bytes: &[u8], pixels: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_BYTES + bytes.len() as u64 + 8 * pixels.min(MAX_PIXELS));
    limits
}

/// Reads the header of a photo; `path` is for messages only.
pub(super) fn read(path: &Path, bytes: &[u8], format: Format) -> Result<Header, PhotoError> {
    let broken = |e| PhotoError::undecodable(path, format!("not a readable {format} file ({})", one_line(&e)));
    let layout = if format == Format::Jpeg { Some(Layout::of(bytes)) } else { None };
    let unusual = layout.transpose().map_err(|reason| PhotoError::undecodable(path, reason))?;
    let unusual = unusual.filter(|layout| !layout.is_usual());
    let (width, height) = match &unusual {
        Some(layout) => layout.size,
        None => decoder(bytes, format).map_err(broken)?.dimensions(),
    };
    if width == 0 || height == 0 {
        return Err(PhotoError::undecodable(path, format!("a {format} file without pixels")));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PhotoError::TooManyPixels { path: path.to_owned(), width, height });
    }
    let orientation::Upright { orientation, as_before } = orientation::of(bytes, format);
    let (width, height) = if turns(orientation) { (height, width) } else { (width, height) };
    let reading = if as_before && unusual.is_none() { 1 } else { 2 };
    Ok(Header { width, height, orientation, unusual, reading })
}

/// True if the orientation exchanges width and height.
fn turns(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// True if the file has more than one frame.
pub(super) fn is_animated(bytes: &[u8], format: Format) -> bool {
    let reader = Cursor::new(bytes);
    match format {
        Format::Gif => {
            // The headers of the frames are enough; decoding the frames takes memory for all pixels, twice.
            let mut options = gif::DecodeOptions::new();
            options.skip_frame_decoding(true);
            options
                .read_info(reader)
                .is_ok_and(|mut file| (0..2).all(|_| matches!(file.next_frame_info(), Ok(Some(_)))))
        }
        Format::Png => PngDecoder::with_limits(reader, limits(bytes, 0)).and_then(|d| d.is_apng()).unwrap_or(false),
        Format::Webp => WebPDecoder::new(reader).is_ok_and(|decoder| decoder.has_animation()),
        Format::Bmp | Format::Jpeg | Format::Tiff => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
