//! Which way up a photo is. All places of a file that may say so are read in the order of
//! `PIL.ImageOps.exif_transpose`.

use std::borrow::Cow;

use image::metadata::Orientation;

use super::exif::{self, Tag};
use super::format::Format;
use super::{jpeg, png_text};

/// The orientation of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Upright {
    /// How to turn the stored pixels upright.
    pub(super) orientation: Orientation,
    /// False if earlier versions of this program turned the photo in another way.
    pub(super) as_before: bool,
}

/// What a file says in its metadata.
#[derive(Default)]
struct ModelSources<'a> {
    exif: Option<Cow<'a, [u8]>>,
    /// ImageMagick's texts in PNG files; they count if there is no EXIF.
    profile: Option<Vec<u8>>,
    xmp: Option<Cow<'a, [u8]>>,
}

/// The EXIF (or TIFF) tag 0x0112, else `tiff:Orientation` of the XMP packet, else upright. Metadata that cannot be
/// read count as absent, values other than 1 to 8 as upright.
pub(super) fn of(bytes: &[u8], format: Format) -> Upright {
    let sources = match format {
        Format::Jpeg => jpeg_sources(bytes),
        Format::Png => png_sources(bytes),
        Format::Webp => webp_sources(bytes),
        Format::Tiff => ModelSources {
            exif: Some(Cow::Borrowed(bytes)),
            xmp: exif::xmp(bytes).map(Cow::Borrowed),
            ..ModelSources::default()
        },
        Format::Bmp | Format::Gif => ModelSources::default(),
    };
    let tag = |block: &[u8]| exif::orientation(strip(strip(block)));
    let own = sources.exif.as_deref().map_or(Tag::Absent, tag);
    let profile = sources.profile.as_deref().filter(|_| sources.exif.is_none()).map_or(Tag::Absent, tag);
    let xmp = sources.xmp.as_deref().and_then(from_xmp);
    let orientation = match (own, profile) {
        (Tag::Present { value, .. }, _) | (Tag::Absent, Tag::Present { value, .. }) => value.and_then(turn),
        (Tag::Absent, Tag::Absent) => xmp,
    };
    let before = match own {
        Tag::Present { value: Some(value), plain: true } if turn(value).is_some() => turn(value),
        _ => xmp,
    };
    let upright = |found: Option<Orientation>| found.unwrap_or(Orientation::NoTransforms);
    Upright { orientation: upright(orientation), as_before: upright(orientation) == upright(before) }
}

fn turn(value: f64) -> Option<Orientation> {
    (1..=8).find(|&n| f64::from(n) == value).and_then(Orientation::from_exif)
}

/// EXIF begins with this in a JPEG file, and in others by mistake.
fn strip(block: &[u8]) -> &[u8] {
    block.strip_prefix(b"Exif\0\0").unwrap_or(block)
}

const XMP_IN_JPEG: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// EXIF of more than 64 kB lies in several segments. If there are several XMP packets, the last one counts.
fn jpeg_sources(bytes: &[u8]) -> ModelSources<'_> {
    let mut sources = ModelSources::default();
    // Segments after the first scan are not part of the header.
    let headers = jpeg::segments(bytes).take_while(|segment| segment.marker != 0xda);
    for segment in headers.filter(|segment| segment.marker == 0xe1) {
        if let Some(part) = segment.data.strip_prefix(b"Exif\0\0") {
            match &mut sources.exif {
                Some(exif) => exif.to_mut().extend_from_slice(part),
                None => sources.exif = Some(Cow::Borrowed(part)),
            }
        } else if let Some(xmp) = segment.data.strip_prefix(XMP_IN_JPEG) {
            sources.xmp = Some(Cow::Borrowed(xmp));
        }
    }
    sources
}

fn png_sources(bytes: &[u8]) -> ModelSources<'_> {
    let wanted = |keyword: &[u8]| {
        keyword == b"exif" || keyword == b"XML:com.adobe.xmp" || keyword.starts_with(b"Raw profile type ")
    };
    let mut sources = ModelSources::default();
    let mut rare_xmp = None;
    let mut app1 = None;
    for (kind, data) in png_text::chunks(bytes) {
        if kind == b"eXIf" {
            sources.exif = Some(Cow::Borrowed(data));
        } else if let Some((keyword, text)) = png_text::text(kind, data, wanted) {
            match keyword {
                b"XML:com.adobe.xmp" => sources.xmp = Some(text),
                b"exif" if kind == b"tEXt" => sources.exif = Some(text),
                b"Raw profile type exif" => sources.profile = png_text::raw_profile(&text),
                b"Raw profile type APP1" => app1 = png_text::raw_profile(&text),
                b"Raw profile type xmp" => rare_xmp = png_text::raw_profile(&text),
                _ => {}
            }
        }
    }
    // PIL does not know these two. They are read last, so that they overrule nothing.
    match app1 {
        Some(app1) if app1.starts_with(XMP_IN_JPEG) => rare_xmp = rare_xmp.or(Some(app1)),
        app1 => sources.profile = sources.profile.or(app1),
    }
    sources.xmp = sources.xmp.or(rare_xmp.map(Cow::Owned));
    sources
}

/// The chunks of a RIFF container: <https://developers.google.com/speed/webp/docs/riff_container>. Metadata count if
/// the flags of the first chunk announce them, as in libwebp.
fn webp_sources(bytes: &[u8]) -> ModelSources<'_> {
    const EXIF: u8 = 8;
    const XMP: u8 = 4;
    let mut sources = ModelSources::default();
    let mut flags = 0;
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((kind, after)) = rest.split_first_chunk::<4>() {
        let Some((length, after)) = after.split_first_chunk::<4>() else { break };
        let length = u32::from_le_bytes(*length) as usize;
        let Some(data) = after.get(..length) else { break };
        match kind {
            b"VP8X" => flags = data.first().copied().unwrap_or(0),
            b"EXIF" if flags & EXIF != 0 && sources.exif.is_none() => sources.exif = Some(Cow::Borrowed(data)),
            b"XMP " if flags & XMP != 0 && sources.xmp.is_none() => sources.xmp = Some(Cow::Borrowed(data)),
            _ => {}
        }
        // A chunk of odd length is followed by one byte of padding.
        rest = after.get(length + length % 2..).unwrap_or_default();
    }
    sources
}

/// The first `tiff:Orientation="6"` or `tiff:Orientation>6`.
fn from_xmp(xmp: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut rest = xmp;
    while let Some(at) = rest.windows(NAME.len()).position(|window| window == NAME) {
        rest = &rest[at + NAME.len()..];
        let digit = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">")).and_then(<[u8]>::first);
        if let Some(digit) = digit.filter(|digit| digit.is_ascii_digit()) {
            return Orientation::from_exif(digit - b'0');
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_orientation_is_found_in_both_spellings() {
        assert_eq!(from_xmp(b"<rdf tiff:Orientation=\"6\"/>"), Some(Orientation::Rotate90));
        assert_eq!(from_xmp(b"<tiff:Orientation>3</tiff:Orientation>"), Some(Orientation::Rotate180));
        assert_eq!(from_xmp(b"tiff:Orientation tiff:Orientation=\"8\""), Some(Orientation::Rotate270));
        assert_eq!(from_xmp(b"tiff:Orientation=\"9\""), None);
        assert_eq!(from_xmp(b"tiff:Orientation"), None);
        assert_eq!(from_xmp(b"\xff\xfe"), None);
    }

    fn exif(value: u8) -> Vec<u8> {
        [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[value, 0, 0, 0][..]].concat()
    }

    fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x0c\0\0\0\0\0\0\0\0\0".to_vec();
        for (kind, data) in chunks {
            file.extend_from_slice(*kind);
            file.extend((data.len() as u32).to_le_bytes());
            file.extend_from_slice(data);
            file.extend(vec![0; data.len() % 2]);
        }
        file
    }

    fn found(chunks: &[(&[u8; 4], &[u8])]) -> (Orientation, bool) {
        let Upright { orientation, as_before } = of(&webp(chunks), Format::Webp);
        (orientation, as_before)
    }

    #[test]
    fn exif_comes_before_xmp_even_if_it_is_wrong() {
        let xmp = (b"XMP ", &b"tiff:Orientation=\"8\""[..]);
        assert_eq!(found(&[(b"odd ", b"odd"), xmp]), (Orientation::Rotate270, true));
        assert_eq!(found(&[xmp, (b"EXIF", &exif(6))]), (Orientation::Rotate90, true));
        assert_eq!(found(&[(b"EXIF", &exif(9))]), (Orientation::NoTransforms, true));
        // Turned by earlier versions.
        assert_eq!(found(&[(b"EXIF", &exif(0)), xmp]), (Orientation::NoTransforms, false));
        assert_eq!(found(&[(b"EXIF", &[b"Exif\0\0", &exif(6)[..]].concat())]), (Orientation::Rotate90, true));
    }

    #[test]
    fn damaged_containers_say_nothing() {
        let file = webp(&[(b"EXIF", &exif(6))]);
        for cut in 0..file.len() - 4 {
            for format in [Format::Webp, Format::Png, Format::Jpeg, Format::Tiff, Format::Gif] {
                assert_eq!(of(&file[..cut], format).orientation, Orientation::NoTransforms, "{cut} {format}");
            }
        }
    }
}
