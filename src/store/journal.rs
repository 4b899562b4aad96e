//! What a piece of work has written so far. The next attempt keeps a file only if it still has that content.
//!
//! `.journal` holds one line of JSON for each write, added *before* the file is renamed to its name: a kill in
//! between leaves the old file, whose line is still there. A file without a matching line is not trusted.

use super::{
    error::{At, StoreError},
    manifest::FileEntry,
    stored::{StoredFile, open_plain},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
};

/// The journal's file name.
pub(super) const JOURNAL: &str = ".journal";
/// Largest journal that is read: some hundred thousand writes.
const LARGEST: u64 = 64 << 20;

/// One line.
#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    #[serde(flatten)]
    entry: FileEntry,
}

/// Notes that `name` is about to get this content.
pub(super) fn note(dir: &Path, name: &str, entry: &FileEntry) -> Result<(), StoreError> {
    let path = dir.join(JOURNAL);
    let line = serde_json::to_string(&Line { name: name.to_owned(), entry: entry.clone() })
        .map_err(|e| StoreError::Damaged { path: path.clone(), what: e.to_string() })?;
    let mut file = File::options().create(true).append(true).open(&path).at("write", &path)?;
    // The line end stands in front: whatever a kill has torn does not reach into the next line.
    file.write_all(format!("\n{line}").as_bytes()).at("write", &path)
}

/// The contents that were written to each file, by its name. Lines that cannot be read are left out.
pub(super) fn read(dir: &Path) -> Result<BTreeMap<String, Vec<FileEntry>>, StoreError> {
    let path = dir.join(JOURNAL);
    let mut written: BTreeMap<String, Vec<FileEntry>> = BTreeMap::new();
    let Some(file) = open_plain(&path)? else { return Ok(written) };
    let mut reader = BufReader::new(file.take(LARGEST));
    let mut text = Vec::new();
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).at("read", &path)? == 0 {
            return Ok(written);
        }
        if let Ok(Line { name, entry }) = serde_json::from_slice(&text) {
            written.entry(name).or_default().push(entry);
        }
    }
}

/// Size and hash of the file `name`, if it holds one of the contents that were written to it.
pub(super) fn intact(
    dir: &Path,
    name: &str,
    written: &BTreeMap<String, Vec<FileEntry>>,
) -> Result<Option<FileEntry>, StoreError> {
    for entry in written.get(name).into_iter().flatten().rev() {
        let file = StoredFile { path: dir.join(name), entry: entry.clone() };
        let size = std::fs::symlink_metadata(&file.path).map_or(u64::MAX, |meta| meta.len());
        if size == entry.bytes && file.is_intact()? {
            return Ok(Some(file.entry));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_only_with_a_content_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let found = |name: &str| intact(dir, name, &read(dir).unwrap()).unwrap();
        std::fs::write(dir.join("a"), b"old").unwrap();
        assert_eq!(found("a"), None);
        note(dir, "a", &FileEntry::of(b"old")).unwrap();
        note(dir, "a", &FileEntry::of(b"new")).unwrap();
        assert_eq!(found("a"), Some(FileEntry::of(b"old")), "killed between the note and the rename");
        std::fs::write(dir.join("a"), b"new").unwrap();
        assert_eq!(found("a"), Some(FileEntry::of(b"new")));
        std::fs::write(dir.join("a"), b"nEw").unwrap();
        assert_eq!(found("a"), None);
    }

    #[test]
    fn a_torn_line_costs_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        note(dir, "a", &FileEntry::of(b"1")).unwrap();
        note(dir, "b", &FileEntry::of(b"2")).unwrap();
        let text = std::fs::read(dir.join(JOURNAL)).unwrap();
        std::fs::write(dir.join(JOURNAL), &text[..text.len() - 9]).unwrap();
        note(dir, "c", &FileEntry::of(b"3")).unwrap();
        assert_eq!(read(dir).unwrap().into_keys().collect::<Vec<_>>(), ["a", "c"]);
        std::fs::write(dir.join(JOURNAL), b"\xff{[").unwrap();
        assert!(read(dir).unwrap().is_empty());
    }
}
