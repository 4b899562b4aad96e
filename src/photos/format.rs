//! Recognises files by their first bytes; names are only used to explain.

use image::ImageFormat;
use serde::{Deserialize, Serialize};

/// The image formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Format {
    Bmp,
    Gif,
    Jpeg,
    Png,
    Tiff,
    Webp,
}

impl Format {
    pub(super) fn image(self) -> ImageFormat {
        match self {
            Self::Bmp => ImageFormat::Bmp,
            Self::Gif => ImageFormat::Gif,
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Tiff => ImageFormat::Tiff,
            Self::Webp => ImageFormat::WebP,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::Webp => "WebP",
        })
    }
}

/// What a file's content is: a format that is read, or the reason why it is skipped.
pub(super) fn recognise(bytes: &[u8]) -> Result<Format, String> {
    if bytes.is_empty() {
        return Err("an empty file".into());
    }
    if let Some(kind) = no_image(bytes) {
        return Err(kind.into());
    }
    if let Some(kind) = foreign(bytes) {
        return Err(format!("{kind}: convert it to JPEG or PNG"));
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Bmp) => Ok(Format::Bmp),
        Ok(ImageFormat::Gif) => Ok(Format::Gif),
        Ok(ImageFormat::Jpeg) => Ok(Format::Jpeg),
        Ok(ImageFormat::Png) => Ok(Format::Png),
        Ok(ImageFormat::Tiff) => Ok(Format::Tiff),
        Ok(ImageFormat::WebP) => Ok(Format::Webp),
        Ok(other) => Err(format!("{} image: convert it to JPEG or PNG", with_article(other))),
        Err(_) => Err("not an image".into()),
    }
}

fn with_article(format: ImageFormat) -> String {
    let name = format.extensions_str().first().copied().unwrap_or("unknown").to_uppercase();
    let vowel = name.starts_with(['A', 'E', 'F', 'H', 'I', 'O', 'X']);
    format!("{} {name}", if vowel { "an" } else { "a" })
}

/// What lies in photo folders but is no image that could be converted, from published signatures.
fn no_image(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |place: usize, magic: &[u8]| bytes.get(place..place + magic.len()) == Some(magic);
    let quicktime = [b"moov", b"mdat", b"wide"].iter().any(|atom| at(4, *atom));
    if (at(4, b"ftyp") && brand(bytes).is_none()) || quicktime || (starts(b"RIFF") && at(8, b"AVI ")) {
        return Some("a video");
    }
    // Matroska and WebM, MPEG.
    if starts(b"\x1a\x45\xdf\xa3") || starts(b"\0\0\x01\xba") || starts(b"\0\0\x01\xb3") {
        return Some("a video");
    }
    if starts(b"version https://git-lfs") {
        return Some("a Git LFS pointer instead of the photo: run `git lfs pull`");
    }
    if starts(b"PK\x03\x04") || starts(b"7z\xbc\xaf\x27\x1c") || starts(b"Rar!") || starts(b"\x1f\x8b") {
        return Some("an archive: unpack it");
    }
    let text = opening(bytes);
    (text.starts_with("<!doctype html") || text.starts_with("<html")).then_some("a web page instead of a photo")
}

/// The first words of a text file, in small letters.
fn opening(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    text.trim_start_matches('\u{feff}').trim_start().to_owned()
}

/// The image format of an ISO base media file (ISO/IEC 14496-12): its major brand says so or, if that is a general one,
/// the compatible brands behind it. `None` for videos.
fn brand(bytes: &[u8]) -> Option<&'static str> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let brands = bytes.get(8..length.min(bytes.len()))?.as_chunks::<4>().0;
    // The second is a version.
    let is = |names: &[&[u8; 4]]| {
        let major = brands.first().is_some_and(|brand| names.contains(&brand));
        let general = matches!(brands.first(), Some(b"mif1" | b"msf1"));
        major || (general && brands.iter().skip(2).any(|brand| names.contains(&brand)))
    };
    if is(&[b"avif", b"avis"]) {
        Some("an AVIF image")
    } else if is(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]) {
        Some("a HEIC photo")
    } else {
        is(&[b"crx "]).then_some("a camera RAW file")
    }
}

/// Images (and near relatives) that exist in photo folders but are not read here, from their published signatures.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.get(4..8) == Some(b"ftyp") {
        return brand(bytes);
    }
    if starts(b"II+\0") || starts(b"MM\0+") {
        return Some("a BigTIFF image");
    }
    if starts(b"II\xbc\x01") {
        return Some("a JPEG XR image");
    }
    if starts(b"gimp xcf") {
        return Some("a GIMP file");
    }
    if starts(b"8BPS") {
        return Some("a Photoshop file");
    }
    if starts(b"\x00\x00\x00\x0cJXL ") || starts(b"\xff\x0a") {
        return Some("a JPEG XL image");
    }
    if starts(b"\x00\x00\x00\x0cjP  ") || starts(b"\xff\x4f\xff\x51") {
        return Some("a JPEG 2000 image");
    }
    if starts(b"%PDF") {
        return Some("a PDF document");
    }
    let raw = [&b"IIRO"[..], b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM"];
    if raw.iter().any(|magic| starts(magic)) || tiff_is_raw(bytes) {
        return Some("a camera RAW file");
    }
    let text = opening(bytes);
    if text.starts_with("<svg") || ((text.starts_with("<?xml") || text.starts_with("<!")) && text.contains("<svg")) {
        return Some("an SVG drawing");
    }
    None
}

/// True for DNG, NEF, ARW, CR2 and their like: TIFF files whose first image is a thumbnail of the raw data.
///
/// TIFF 6.0 (Adobe, 1992), sections 2 and 8: tag 254 `NewSubfileType`, bit 0 = reduced-resolution image.
/// DNG 1.4, chapter 4: tag 50706 `DNGVersion`.
fn tiff_is_raw(bytes: &[u8]) -> bool {
    let little = match bytes.get(..4) {
        Some(b"II*\0") => true,
        Some(b"MM\0*") => false,
        _ => return false,
    };
    if bytes.get(8..10) == Some(b"CR") {
        return true;
    }
    let u16_at = |at: usize| {
        let b: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(b) } else { u16::from_be_bytes(b) })
    };
    let u32_at = |at: usize| {
        let b: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(b) } else { u32::from_be_bytes(b) })
    };
    let Some(first) = u32_at(4).map(|at| at as usize) else { return false };
    let count = u16_at(first).unwrap_or(0);
    (0..usize::from(count)).map_while(|i| Some((u16_at(first + 2 + 12 * i)?, u32_at(first + 10 + 12 * i)?))).any(
        |(tag, value)| match tag {
            254 => value & 1 == 1,
            50706 => true,
            _ => false,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        recognise(bytes).expect_err("not a photo")
    }

    #[test]
    fn photos_are_known_by_their_first_bytes() {
        assert_eq!(recognise(b"\xff\xd8\xff\xe0"), Ok(Format::Jpeg));
        assert_eq!(recognise(b"\x89PNG\r\n\x1a\n"), Ok(Format::Png));
        assert_eq!(recognise(b"GIF89a"), Ok(Format::Gif));
        assert_eq!(recognise(b"BM\0\0"), Ok(Format::Bmp));
        assert_eq!(recognise(b"II*\0\x08\0\0\0\0\0"), Ok(Format::Tiff));
        assert_eq!(recognise(b"RIFF\0\0\0\0WEBPVP8 "), Ok(Format::Webp));
    }

    #[test]
    fn other_files_get_a_helpful_reason() {
        assert_eq!(reason(b""), "an empty file");
        assert_eq!(reason(b"hello"), "not an image");
        assert_eq!(reason(b"\0\0\0\x18ftypheic\0\0"), "a HEIC photo: convert it to JPEG or PNG");
        assert_eq!(reason(b"\0\0\0\x18ftypavif\0\0"), "an AVIF image: convert it to JPEG or PNG");
        let brands = |brands: &[u8]| reason(&[&(8 + brands.len() as u32).to_be_bytes(), &b"ftyp"[..], brands].concat());
        assert_eq!(brands(b"mif1\0\0\0\0avifmiaf"), "an AVIF image: convert it to JPEG or PNG");
        assert_eq!(brands(b"mif1\0\0\0\0heic"), "a HEIC photo: convert it to JPEG or PNG");
        assert_eq!(brands(b"crx \0\0\0\x01"), "a camera RAW file: convert it to JPEG or PNG");
        assert_eq!(brands(b"isom\0\0\0\x01mp42"), "a video");
        assert_eq!(reason(b"\0\0\0\x18ftypqt  \0\0"), "a video");
        assert_eq!(reason(b"\0\0\0\x08wide\0\0"), "a video");
        assert_eq!(reason(b"RIFF\0\0\0\0AVI LIST"), "a video");
        assert_eq!(reason(b"PK\x03\x04"), "an archive: unpack it");
        assert_eq!(reason(b"\n<!DOCTYPE html><svg>"), "a web page instead of a photo");
        assert!(reason(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
        assert_eq!(reason(b"%PDF-1.7"), "a PDF document: convert it to JPEG or PNG");
        assert_eq!(reason(b"\xff\x0a"), "a JPEG XL image: convert it to JPEG or PNG");
        assert_eq!(reason(b"II+\0\x08"), "a BigTIFF image: convert it to JPEG or PNG");
        assert_eq!(reason(b"8BPS\0\x01"), "a Photoshop file: convert it to JPEG or PNG");
        assert_eq!(reason(b"<?xml version='1.0'?>\n<SVG>"), "an SVG drawing: convert it to JPEG or PNG");
        assert_eq!(reason(b"II*\0\x10\0\0\0CR\x02\0"), "a camera RAW file: convert it to JPEG or PNG");
        assert_eq!(reason(b"qoif\0\0\0\0"), "a QOI image: convert it to JPEG or PNG");
    }

    #[test]
    fn a_tiff_that_starts_with_a_thumbnail_is_raw() {
        let entry = |tag: u16, value: u32| {
            let mut file = b"II*\0\x08\0\0\0\x01\0".to_vec();
            file.extend(tag.to_le_bytes());
            file.extend([4, 0, 1, 0, 0, 0]);
            file.extend(value.to_le_bytes());
            file
        };
        assert!(tiff_is_raw(&entry(254, 1)));
        assert!(!tiff_is_raw(&entry(254, 0)));
        assert!(tiff_is_raw(&entry(50706, 0x0401)));
        assert!(!tiff_is_raw(b"II*\0\xff\xff\xff\xff"));
        assert!(!tiff_is_raw(b"MM\0*\0\0\0\x08\xff\xff"));
    }
}
