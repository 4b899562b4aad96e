//! What decoding found out about photos, by their content, so that a photo is decoded once and not at every command.

use std::collections::{BTreeMap, BTreeSet};

use image::RgbImage;

use super::check::look::Look;
use super::check::subject::Subject;
use super::fingerprint::Fingerprint;

/// First line of the file. It changes when the decoders or the measurements change.
const HEAD: &str = "runner photos 2";
/// With more entries only those of the present photos are kept.
const MOST_ENTRIES: usize = 5_000;
/// Hexadecimal digits of the check at the end of a line.
const CHECK: usize = 16;

/// What the pixels of a photo are known by, and what was measured on them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// BLAKE3 of the upright pixels and their size.
    pub(super) pixels: String,
    pub(super) fingerprint: Fingerprint,
    pub(super) look: Look,
}

impl Seen {
    pub(super) fn of(image: &RgbImage) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&image.width().to_le_bytes()).update(image.as_raw());
        Self {
            pixels: hasher.finalize().to_hex().to_string(),
            fingerprint: Fingerprint::of(image),
            look: Look::of(image),
        }
    }
}

/// Photos and masks that were decoded before, by the hash of their files. What cannot be decoded is not remembered.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    seen: BTreeMap<String, Entry>,
    used: BTreeSet<String>,
    changed: bool,
}

impl Memory {
    /// Reads what [`Memory::to_text`] wrote. A line that is damaged is forgotten: its file is decoded again.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let known = lines.next() == Some(HEAD);
        let seen = lines.filter(|_| known).filter_map(line).collect();
        Self { seen, ..Self::default() }
    }

    /// The text to keep; `None` if nothing changed since it was read or kept.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        if !self.changed {
            return None;
        }
        let all = self.seen.len() <= MOST_ENTRIES;
        let mut text = format!("{HEAD}\n");
        for (hash, seen) in self.seen.iter().filter(|(hash, _)| all || self.used.contains(*hash)) {
            let line = format!("{hash} {}", seen.to_text());
            text += &format!("{line} {}\n", check(&line));
        }
        Some(text)
    }

    /// Notes that the text was kept.
    pub fn kept(&mut self) {
        self.changed = false;
    }

    /// What is known of a photo.
    pub(super) fn get(&mut self, hash: &str) -> Option<Seen> {
        match self.entry(hash)? {
            Entry::Photo(seen) => Some(*seen),
            Entry::Mask(_) => None,
        }
    }

    pub(super) fn add(&mut self, hash: &str, seen: Seen) {
        self.insert(hash, Entry::Photo(Box::new(seen)));
    }

    /// What is known of a mask.
    pub(super) fn subject(&mut self, hash: &str) -> Option<Subject> {
        match self.entry(hash)? {
            Entry::Mask(subject) => Some(subject),
            Entry::Photo(_) => None,
        }
    }

    pub(super) fn add_subject(&mut self, hash: &str, subject: Subject) {
        self.insert(hash, Entry::Mask(subject));
    }

    fn entry(&mut self, hash: &str) -> Option<Entry> {
        let entry = self.seen.get(hash)?.clone();
        self.used.insert(hash.to_owned());
        Some(entry)
    }

    fn insert(&mut self, hash: &str, entry: Entry) {
        self.seen.insert(hash.to_owned(), entry);
        self.used.insert(hash.to_owned());
        self.changed = true;
    }
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Photo(Box<Seen>),
    Mask(Subject),
}

impl Entry {
    fn to_text(&self) -> String {
        match self {
            Self::Photo(seen) => {
                format!("photo {} {} {}", seen.pixels, seen.fingerprint.to_text(), seen.look.to_text())
            }
            Self::Mask(subject) => format!("mask {}", subject.to_text()),
        }
    }

    /// Reads [`Entry::to_text`].
    fn parse(text: &str) -> Option<Self> {
        match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["photo", pixels, fingerprint, look] => Some(Self::Photo(Box::new(Seen {
                pixels: (*pixels).to_owned(),
                fingerprint: Fingerprint::parse(fingerprint)?,
                look: Look::parse(look)?,
            }))),
            ["mask", subject] => Some(Self::Mask(Subject::parse(subject)?)),
            _ => None,
        }
    }
}

fn check(line: &str) -> String {
    blake3::hash(line.as_bytes()).to_hex()[..CHECK].to_owned()
}

/// The hash and the entry of a line.
fn line(line: &str) -> Option<(String, Entry)> {
    let (content, sum) = line.rsplit_once(' ')?;
    let (hash, entry) = content.split_once(' ').filter(|_| check(content) == sum)?;
    Some((hash.to_owned(), Entry::parse(entry)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(grey: u8) -> Seen {
        Seen::of(&RgbImage::from_fn(20, 20, |x, y| image::Rgb([grey ^ (x * y) as u8; 3])))
    }

    #[test]
    fn what_was_seen_is_remembered() {
        let mut memory = Memory::default();
        assert_eq!(memory.to_text(), None);
        memory.add("a", seen(1));
        memory.add("b", seen(2));
        memory.add_subject("m", Subject::of(&RgbImage::from_pixel(3, 4, image::Rgb([9; 3]))).expect("grey"));
        let text = memory.to_text().expect("new");
        let mut again = Memory::parse(&text);
        assert_eq!(again.get("a"), Some(seen(1)));
        assert_eq!(again.get("c"), None);
        assert_eq!(again.subject("m"), Subject::of(&RgbImage::from_pixel(3, 4, image::Rgb([9; 3]))));
        assert_eq!((again.get("m"), again.subject("a")), (None, None));
        assert_eq!(again.to_text(), None);
    }

    #[test]
    fn damage_is_forgotten() {
        let mut memory = Memory::default();
        memory.add("a", seen(1));
        let text = memory.to_text().expect("new");
        for at in (0..text.len()).step_by(17) {
            let mut damaged = text.clone().into_bytes();
            damaged[at] ^= 1;
            let found = Memory::parse(&String::from_utf8_lossy(&damaged)).get("a");
            assert!(found.is_none() || found == Some(seen(1)), "{at}");
        }
        assert_eq!(Memory::parse("another program").get("a"), None);
    }

    #[test]
    fn a_memory_that_grew_too_large_keeps_the_present_photos() {
        let mut memory = Memory::default();
        let one = seen(1);
        for i in 0..=MOST_ENTRIES {
            memory.seen.insert(i.to_string(), Entry::Photo(Box::new(one.clone())));
        }
        memory.add("new", seen(2));
        assert_eq!(memory.get("7"), Some(seen(1)));
        assert_eq!(memory.to_text().expect("new").lines().count(), 3);
    }
}
