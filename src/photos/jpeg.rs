//! Finds out whether a JPEG file is complete.
//!
//! The decoder fills what is missing with grey and says nothing, which would teach a model grey bars.

/// True if the file has an end-of-image marker after its last scan.
///
/// Walks the marker segments (ITU-T T.81, annex B) from the start, so that a preview inside EXIF does not count.
/// What follows the image (a second image of a phone, padding) is not looked at.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    end(bytes).is_some()
}

/// Position after the end-of-image marker.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        // The next marker: 0xFF, then anything but a fill byte or, in entropy-coded data, a stuffed zero.
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)? + 1;
        match *bytes.get(at)? {
            0xff => {}
            // Stuffed zero, TEM, restart markers, start of image: no segment follows.
            0x00 | 0x01 | 0xd0..=0xd8 => at += 1,
            0xd9 => return Some(at + 1),
            _ => {
                let length = u16::from_be_bytes(bytes.get(at + 1..at + 3)?.try_into().ok()?);
                at += 1 + usize::from(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_behind_segments_and_scans() {
        let file = b"\xff\xd8\xff\xe1\0\x06\xff\xd9\xff\xd9\xff\xda\0\x02ab\xff\0c\xff\xd0d\xff\xff\xd9rest";
        assert_eq!(end(file), Some(file.len() - 4));
        for cut in 0..file.len() - 4 {
            assert!(!is_complete(&file[..cut]), "cut at {cut}");
        }
    }

    #[test]
    fn a_segment_longer_than_the_file_is_no_end() {
        assert!(!is_complete(b"\xff\xd8\xff\xe1\xff\xff\xff\xd9"));
        assert!(!is_complete(b""));
        assert!(!is_complete(b"\xff\xd8"));
    }
}
