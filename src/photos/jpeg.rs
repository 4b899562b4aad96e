//! The marker segments of a JPEG file (ITU-T T.81, annex B): whether it is complete, and how its pixels are stored.

/// A marker segment of the first image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// The second byte of the marker.
    pub(super) marker: u8,
    /// What follows the segment's length.
    pub(super) data: &'a [u8],
}

/// Second byte of the end-of-image marker.
const END: u8 = 0xd9;

/// The segments from the start to the end-of-image marker; entropy-coded data and markers without a segment are passed
/// over. A preview inside EXIF does not count, and what follows the image (a second image of a phone, a video) is not
/// looked at. A file that is cut off has no end-of-image marker.
pub(super) fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut at = Some(2);
    std::iter::from_fn(move || {
        let (segment, next) = next_segment(bytes, at?)?;
        at = (segment.marker != END).then_some(next);
        Some(segment)
    })
}

fn next_segment(bytes: &[u8], mut at: usize) -> Option<(Segment<'_>, usize)> {
    loop {
        // The next marker: 0xFF, then anything but a fill byte or, in entropy-coded data, a stuffed zero.
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)? + 1;
        match *bytes.get(at)? {
            0xff => {}
            // Stuffed zero, TEM, restart markers, start of image: no segment follows.
            0x00 | 0x01 | 0xd0..=0xd8 => at += 1,
            END => return Some((Segment { marker: END, data: &[] }, at + 1)),
            marker => {
                let length = u16::from_be_bytes(bytes.get(at + 1..at + 3)?.try_into().ok()?);
                let next = at + 1 + usize::from(length);
                return Some((Segment { marker, data: bytes.get(at + 3..next).unwrap_or_default() }, next));
            }
        }
    }
}

/// True if the file has an end-of-image marker after its last scan.
///
/// Without a word, the decoders fill what is missing with grey, and a model would learn grey bars.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    segments(bytes).any(|segment| segment.marker == END)
}

/// How the pixels of a JPEG file are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Pixels from left to right and from top to bottom, as stored.
    pub(super) size: (u32, u32),
    /// Identifier, horizontal and vertical sampling factor of each component.
    pub(super) components: Vec<(u8, u8, u8)>,
    progressive: bool,
    /// A scan holds only some of the components.
    separate_scans: bool,
    /// The file has a JFIF header.
    pub(super) jfif: bool,
    /// The transform that an Adobe header names.
    pub(super) adobe: Option<u8>,
}

impl Layout {
    /// Reads the headers; `Err` names the variant of JPEG that is not supported, as a fragment of a sentence.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        let mut layout = Self::default();
        for Segment { marker, data } in segments(bytes) {
            match marker {
                // Start of frame. The other markers from C0 to CF are tables.
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) && layout.components.is_empty() => {
                    layout.frame(marker, data)?;
                }
                0xde => return Err("a hierarchical JPEG file".into()),
                0xe0 => layout.jfif |= data.starts_with(b"JFIF\0") && data.len() >= 12,
                0xee if data.starts_with(b"Adobe") => layout.adobe = data.get(11).copied().or(layout.adobe),
                0xda => {
                    let components = data.first().copied().unwrap_or_default();
                    layout.separate_scans |= usize::from(components) < layout.components.len();
                }
                _ => {}
            }
        }
        Ok(layout)
    }

    fn frame(&mut self, marker: u8, data: &[u8]) -> Result<(), String> {
        match marker {
            0xc0..=0xc2 => {}
            0xc9..=0xcf => return Err("a JPEG file with arithmetic coding".into()),
            0xc3 => return Err("a lossless JPEG file".into()),
            _ => return Err("a hierarchical JPEG file".into()),
        }
        self.progressive = marker == 0xc2;
        if let Some(&bits) = data.first().filter(|&&bits| bits != 8) {
            return Err(format!("a JPEG file of {bits} bits per channel"));
        }
        if let Some(&[_, y1, y0, x1, x0]) = data.first_chunk() {
            self.size = (u16::from_be_bytes([x1, x0]).into(), u16::from_be_bytes([y1, y0]).into());
        }
        let (components, _) = data.get(6..).unwrap_or_default().as_chunks::<3>();
        self.components = components.iter().map(|&[id, factors, _]| (id, factors >> 4, factors & 15)).collect();
        Ok(())
    }

    /// True if the first decoder (zune-jpeg 0.5.15) gives libjpeg's pixels. It reads wrongly: baseline files
    /// whose scans hold only some of the components; files with a sampling factor of three, or whose first component
    /// does not have the largest factors; files whose headers and component names disagree about the colours.
    pub(super) fn is_usual(&self) -> bool {
        let Some(&(_, width, height)) = self.components.first() else { return true };
        let regular = self
            .components
            .iter()
            .all(|&(_, h, v)| matches!((h, v), (1 | 2 | 4, 1 | 2 | 4)) && h <= width && v <= height);
        let named_rgb = self.components.iter().map(|&(id, ..)| id).eq(*b"RGB");
        let contradiction = match self.components.len() {
            3 => {
                (self.jfif && (named_rgb || self.adobe == Some(0))) || (named_rgb && self.adobe.is_some_and(|t| t != 0))
            }
            _ => false,
        };
        regular && !contradiction && (self.progressive || !self.separate_scans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_behind_segments_and_scans() {
        let file = b"\xff\xd8\xff\xe1\0\x06\xff\xd9\xff\xd9\xff\xda\0\x02ab\xff\0c\xff\xd0d\xff\xff\xd9rest";
        assert!(is_complete(file));
        let markers: Vec<(u8, &[u8])> = segments(file).map(|segment| (segment.marker, segment.data)).collect();
        assert_eq!(markers, [(0xe1, &b"\xff\xd9\xff\xd9"[..]), (0xda, b""), (END, b"")]);
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

    /// A file of headers only: components as (h, v), and the number of components of its scans.
    fn layout(frame: u8, components: &[(u8, u8)], scans: &[u8], headers: &[u8]) -> Result<Layout, String> {
        let mut file =
            [b"\xff\xd8", headers, &[0xff, frame, 0, 8 + 3 * components.len() as u8, 8, 0, 9, 0, 9]].concat();
        file.push(components.len() as u8);
        for (id, (h, v)) in (1..).zip(components) {
            file.extend([id, h << 4 | v, 0]);
        }
        for components in scans {
            file.extend([0xff, 0xda, 0, 3, *components, 7]);
        }
        Layout::of(&file)
    }

    const JFIF: &[u8] = b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
    const ADOBE_RGB: &[u8] = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";

    #[test]
    fn unusual_layouts_are_known() {
        let usual = |frame, components: &[(u8, u8)], scans: &[u8], headers: &[u8]| {
            layout(frame, components, scans, headers).expect("readable").is_usual()
        };
        let colour = [(2, 2), (1, 1), (1, 1)];
        assert!(usual(0xc0, &colour, &[3], JFIF));
        assert!(!usual(0xc0, &colour, &[1, 1, 1], JFIF));
        assert!(!usual(0xc1, &colour, &[1, 2], b""));
        assert_eq!(layout(0xc0, &colour, &[3], b"").expect("readable").size, (9, 9));
        assert!(usual(0xc2, &colour, &[3, 1, 1, 1], JFIF));
        assert!(usual(0xc0, &[(2, 2)], &[1], b""));
        assert!(!usual(0xc0, &[(3, 1), (1, 1), (1, 1)], &[3], b""));
        assert!(!usual(0xc0, &[(1, 1), (2, 1), (2, 1)], &[3], b""));
        assert!(usual(0xc0, &colour, &[3], ADOBE_RGB));
        assert!(!usual(0xc0, &colour, &[3], &[JFIF, ADOBE_RGB].concat()));
        assert!(usual(0xc0, &[(1, 1); 4], &[4], ADOBE_RGB));
    }

    #[test]
    fn what_nobody_reads_is_refused_by_name() {
        for (frame, words) in [(0xc3, "lossless"), (0xc5, "hierarchical"), (0xc9, "arithmetic"), (0xca, "arithmetic")] {
            assert!(layout(frame, &[(1, 1)], &[1], b"").expect_err("refused").contains(words));
        }
        let mut file = b"\xff\xd8\xff\xc1\0\x0b\x0c\0\x01\0\x01\x01\x01\x11\0".to_vec();
        assert_eq!(Layout::of(&file).expect_err("refused"), "a JPEG file of 12 bits per channel");
        file[6] = 8;
        assert!(Layout::of(&file).is_ok());
    }
}
