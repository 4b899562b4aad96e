//! Chunks of a PNG file and the texts in them (PNG 3rd edition, 11.3.3), wherever in the file they are.

use std::borrow::Cow;

/// The largest size of a decompressed text in bytes: many times what EXIF or XMP of a photo needs.
const MAX_TEXT: usize = 8 << 20;

/// Kind and content of each chunk, as far as the file goes.
pub(super) fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let kind = rest.get(4..)?.first_chunk()?;
        let data = rest.get(8..length.checked_add(8)?)?;
        let end = kind == b"IEND";
        rest = if end { &[] } else { rest.get(length.checked_add(12)?..).unwrap_or_default() };
        (!end).then_some((kind, data))
    })
}

/// Keyword and text of a `tEXt`, `zTXt` or `iTXt` chunk; `None` for other chunks and for what cannot be read.
/// `wanted` says which keywords are worth decompressing.
pub(super) fn text<'a>(
    kind: &[u8; 4],
    data: &'a [u8],
    wanted: impl Fn(&[u8]) -> bool,
) -> Option<(&'a [u8], Cow<'a, [u8]>)> {
    if !matches!(kind, b"tEXt" | b"zTXt" | b"iTXt") {
        return None;
    }
    let (keyword, rest) = split(data)?;
    if !wanted(keyword) {
        return None;
    }
    let text = match kind {
        b"tEXt" => Cow::Borrowed(rest),
        b"zTXt" => inflate(rest)?,
        _ => {
            let (&[compressed, method], rest) = rest.split_first_chunk()?;
            // The language and the translated keyword come first.
            let (_, text) = split(split(rest)?.1)?;
            match (compressed, method) {
                (0, _) => Cow::Borrowed(text),
                (_, 0) => unpack(text)?,
                _ => return None,
            }
        }
    };
    Some((keyword, text))
}

/// A method, which must be 0, and compressed data.
fn inflate(data: &[u8]) -> Option<Cow<'_, [u8]>> {
    data.strip_prefix(&[0]).and_then(unpack)
}

fn unpack(data: &[u8]) -> Option<Cow<'_, [u8]>> {
    fdeflate::decompress_to_vec_bounded(data, MAX_TEXT).ok().map(Cow::Owned)
}

fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|&byte| byte == 0)?;
    Some((&data[..at], &data[at + 1..]))
}

/// The bytes of a profile that ImageMagick wrote as text: a line end, a name, a length, then hexadecimal digits.
pub(super) fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    // As in PIL, the text is whatever follows the third line end.
    let digits = text.splitn(4, |&byte| byte == b'\n').nth(3)?;
    let digits: Vec<u8> = digits.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    let value = |digit: u8| char::from(digit).to_digit(16);
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|&[high, low]| Some((value(high)? << 4 | value(low)?) as u8)).collect();
    bytes.filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        [&(data.len() as u32).to_be_bytes()[..], kind, data, b"crc!"].concat()
    }

    #[test]
    fn chunks_end_with_the_file() {
        let file = [b"8 bytes.".to_vec(), chunk(b"tEXt", b"a\0b"), chunk(b"IEND", b""), chunk(b"late", b"")].concat();
        assert_eq!(chunks(&file).collect::<Vec<_>>(), [(b"tEXt", &b"a\0b"[..])]);
        for cut in 0..file.len() {
            assert!(chunks(&file[..cut]).count() <= 1);
        }
        assert_eq!(chunks(b"8 bytes.\xff\xff\xff\xfftEXt").count(), 0);
    }

    #[test]
    fn texts_are_read_in_their_three_forms() {
        let packed = fdeflate::compress_to_vec(b"text");
        let read = |kind: &[u8; 4], data: &[u8]| text(kind, data, |_| true).map(|(_, text)| text.into_owned());
        assert_eq!(read(b"tEXt", b"key\0text"), Some(b"text".to_vec()));
        assert_eq!(read(b"zTXt", &[b"key\0\0", &packed[..]].concat()), Some(b"text".to_vec()));
        assert_eq!(read(b"iTXt", b"key\0\0\0en\0\0text"), Some(b"text".to_vec()));
        assert_eq!(read(b"iTXt", &[b"key\0\x01\0\0\0", &packed[..]].concat()), Some(b"text".to_vec()));
        assert_eq!(read(b"zTXt", &[b"key\0\x01", &packed[..]].concat()), None);
        assert_eq!(read(b"zTXt", b"key\0\0nonsense"), None);
        assert_eq!(read(b"tEXt", b"no end"), None);
        assert_eq!(text(b"tEXt", b"key\0text", |key| key == b"other"), None);
    }

    #[test]
    fn a_text_that_grows_without_end_is_not_read() {
        let packed = fdeflate::compress_to_vec(&vec![b'0'; MAX_TEXT + 1]);
        assert_eq!(text(b"zTXt", &[b"key\0\0", &packed[..]].concat(), |_| true), None);
    }

    #[test]
    fn profiles_are_hexadecimal() {
        assert_eq!(raw_profile(b"\nexif\n       3\n4d4D\n2a\n"), Some(b"MM*".to_vec()));
        for bad in [&b"\nexif\n3\n4d4"[..], b"\nexif\n3\n4x", b"exif", b""] {
            assert_eq!(raw_profile(bad), None);
        }
    }
}
