//! The orientation tag of a TIFF structure: an EXIF block, or a TIFF file itself.

/// What the orientation tag says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Tag {
    /// There is no tag, so another source may be asked.
    Absent,
    /// The tag has this value; `None` if its type is not a number. `plain` is true if it is stored as the standard
    /// says, as one 16-bit number.
    Present { value: Option<f64>, plain: bool },
}

/// Reads tag 0x0112 of the first directory (TIFF 6.0, section 2), as `PIL.TiffImagePlugin.ImageFileDirectory_v2` does:
/// the first such tag counts, and its first value. All types of numbers are accepted, bytes and texts are not. A
/// directory that is cut off is read as far as it goes.
pub(super) fn orientation(tiff: &[u8]) -> Tag {
    let Some(reader) = Reader::new(tiff) else { return Tag::Absent };
    reader.find(0x0112).map_or(Tag::Absent, |Entry { kind, count, place, .. }| Tag::Present {
        value: reader.number(kind, place),
        plain: kind == 3 && count == 1,
    })
}

/// The XMP packet in tag 700 of the first directory (XMP specification, part 3, 3.2.3.1).
pub(super) fn xmp(tiff: &[u8]) -> Option<&[u8]> {
    let Entry { place, length, .. } = Reader::new(tiff)?.find(700)?;
    tiff.get(place..place + length)
}

/// One tag of a directory.
struct Entry {
    kind: u16,
    count: usize,
    /// Where its values begin, and how many bytes they have; both are inside the file.
    place: usize,
    length: usize,
}

/// Bytes of one value of a type of TIFF 6.0 and its supplements; `None` for a type that does not exist.
fn size(kind: u16) -> Option<usize> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 => 8,
        _ => return None,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        // The second spelling of each is wrong, but written by some programs.
        let little = match bytes.get(..4)? {
            b"II*\0" | b"II\0*" => true,
            b"MM\0*" | b"MM*\0" => false,
            _ => return None,
        };
        Some(Self { bytes, little })
    }

    fn find(&self, wanted: u16) -> Option<Entry> {
        let first = self.u32(4)? as usize;
        for entry in 0..usize::from(self.u16(first)?) {
            let at = first.checked_add(2 + 12 * entry)?;
            let (tag, kind, count) = (self.u16(at)?, self.u16(at + 2)?, self.u32(at + 4)? as usize);
            let value = self.u32(at + 8)? as usize;
            let length = size(kind).unwrap_or(0).saturating_mul(count);
            let place = if length <= 4 { at + 8 } else { value };
            // The type is unknown, there is no value, or the values do not fit into the file.
            if length == 0 || length > self.bytes.len() {
                continue;
            }
            // The place is beyond the end: nothing after it can be trusted.
            place.checked_add(length).filter(|&end| end <= self.bytes.len())?;
            if tag == wanted {
                return Some(Entry { kind, count, place, length });
            }
        }
        None
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut array: [u8; N] = self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()?;
        if !self.little {
            array.reverse();
        }
        Some(array)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// The value at `at`; a double holds every orientation exactly.
    #[allow(clippy::cast_precision_loss)]
    fn number(&self, kind: u16, at: usize) -> Option<f64> {
        let signed = |at| self.u32(at).map(|value| f64::from(value as i32));
        Some(match kind {
            3 => f64::from(self.u16(at)?),
            4 | 13 => f64::from(self.u32(at)?),
            5 => f64::from(self.u32(at)?) / f64::from(self.u32(at + 4)?),
            6 => f64::from(self.array::<1>(at)?[0] as i8),
            8 => f64::from(self.u16(at)? as i16),
            9 => signed(at)?,
            10 => signed(at)? / signed(at + 4)?,
            11 => f64::from(self.array(at).map(f32::from_le_bytes)?),
            12 => self.array(at).map(f64::from_le_bytes)?,
            16 => self.array(at).map(u64::from_le_bytes)? as f64,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TIFF of one tag before the orientation, of `kind`, `count` and 4 bytes of value or offset; `tail` follows.
    fn tiff(little: bool, kind: u16, count: u32, value: [u8; 4], tail: &[u8]) -> Vec<u8> {
        let short = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let long = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut bytes = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        bytes.extend(long(8));
        bytes.extend(short(2));
        for (tag, kind, count, value) in [(0x0100, 3, 1, [9; 4]), (0x0112, kind, count, value)] {
            bytes.extend(short(tag));
            bytes.extend(short(kind));
            bytes.extend(long(count));
            bytes.extend(value);
        }
        bytes.extend(long(0));
        bytes.extend(tail);
        bytes
    }

    fn present(value: f64, plain: bool) -> Tag {
        Tag::Present { value: Some(value), plain }
    }

    #[test]
    fn every_kind_of_number_counts_in_both_byte_orders() {
        assert_eq!(orientation(&tiff(true, 3, 1, [6, 0, 0, 0], b"")), present(6.0, true));
        assert_eq!(orientation(&tiff(false, 3, 1, [0, 6, 0, 0], b"")), present(6.0, true));
        assert_eq!(orientation(&tiff(true, 4, 1, [8, 0, 0, 0], b"")), present(8.0, false));
        assert_eq!(orientation(&tiff(false, 4, 1, [0, 0, 0, 8], b"")), present(8.0, false));
        assert_eq!(orientation(&tiff(true, 3, 2, [3, 0, 1, 0], b"")), present(3.0, false));
        // Offset 38 = 8 + 2 + 2 * 12 + 4.
        assert_eq!(orientation(&tiff(true, 3, 3, [38, 0, 0, 0], b"\x05\0\x01\0\x01\0")), present(5.0, false));
        assert_eq!(orientation(&tiff(false, 5, 1, [0, 0, 0, 38], b"\0\0\0\x0c\0\0\0\x02")), present(6.0, false));
        assert_eq!(orientation(&tiff(true, 11, 1, 6f32.to_le_bytes(), b"")), present(6.0, false));
    }

    #[test]
    fn a_byte_or_a_text_is_there_but_says_nothing() {
        for kind in [1, 2, 7] {
            let tag = orientation(&tiff(true, kind, 1, [6, 0, 0, 0], b""));
            assert_eq!(tag, Tag::Present { value: None, plain: false });
        }
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let whole = tiff(true, 3, 1, [6, 0, 0, 0], b"");
        // The last four bytes are the offset of the next directory.
        for cut in 0..whole.len() - 4 {
            assert_eq!(orientation(&whole[..cut]), Tag::Absent, "{cut}");
        }
        assert_eq!(orientation(&tiff(true, 99, 1, [6, 0, 0, 0], b"")), Tag::Absent);
        assert_eq!(orientation(&tiff(true, 3, 0, [6, 0, 0, 0], b"")), Tag::Absent);
        assert_eq!(orientation(&tiff(true, 3, 3, [0xff; 4], b"")), Tag::Absent);
        assert_eq!(orientation(&tiff(true, 12, u32::MAX, [0xff; 4], b"")), Tag::Absent);
        assert_eq!(orientation(b"II*\0\xff\xff\xff\xff"), Tag::Absent);
        assert_eq!(orientation(b"BM*\0\x08\0\0\0"), Tag::Absent);
    }
}
