//! Reads stored files: always as a whole, and only if the content is what was committed.

use super::{
    error::{At, StoreError},
    manifest::FileEntry,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A file of an artifact, with what its manifest says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The size and the hash it was committed with.
    #[serde(flatten)]
    pub entry: FileEntry,
}

impl StoredFile {
    /// The content.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is gone, is no plain file, or does not have the committed content.
    pub fn read(&self) -> Result<Vec<u8>, StoreError> {
        let damaged = |what: &str| Err(StoreError::Damaged { path: self.path.clone(), what: what.to_owned() });
        let Some(file) = open_plain(&self.path)? else { return damaged("it is missing or is not a plain file") };
        let mut bytes = Vec::new();
        file.take(self.entry.bytes.saturating_add(1)).read_to_end(&mut bytes).at("read", &self.path)?;
        if FileEntry::of(&bytes) != self.entry {
            return damaged("it was changed after it was stored");
        }
        Ok(bytes)
    }

    /// Whether the file still has the committed content; reads all of it, but holds only a small part at a time.
    pub fn is_intact(&self) -> Result<bool, StoreError> {
        let Some(file) = open_plain(&self.path)? else { return Ok(false) };
        let mut hash = blake3::Hasher::new();
        hash.update_reader(file.take(self.entry.bytes.saturating_add(1))).at("read", &self.path)?;
        let found = FileEntry { bytes: hash.count(), blake3: hash.finalize().to_hex().to_string() };
        Ok(found == self.entry)
    }
}

/// Opens a plain file. `None` if there is no file, or if it is a folder, a link, a pipe or anything else that this
/// program does not make: opening a pipe would wait for ever.
pub(super) fn open_plain(path: &Path) -> Result<Option<File>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => return Ok(None),
        Err(e) if is_absent(&e) => return Ok(None),
        Err(e) => return Err(e).at("read", path),
    }
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(e).at("read", path),
    }
}

/// Whether an error says that there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_committed_content_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let file = StoredFile { path: path.clone(), entry: FileEntry::of(b"weights") };
        for content in [&b""[..], b"weight", b"weights ", b"Weights"] {
            fs::write(&path, content).unwrap();
            assert!(!file.is_intact().unwrap());
            assert!(file.read().unwrap_err().to_string().contains("changed after it was stored"));
        }
        fs::write(&path, b"weights").unwrap();
        assert!(file.is_intact().unwrap());
        assert_eq!(file.read().unwrap(), b"weights");
        fs::remove_file(&path).unwrap();
        assert!(!file.is_intact().unwrap() && file.read().is_err());
        fs::create_dir(&path).unwrap();
        assert!(!file.is_intact().unwrap() && file.read().is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_not_followed_and_a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (link, pipe) = (folder.path().join("link"), folder.path().join("pipe"));
        fs::write(folder.path().join("b"), b"weights").unwrap();
        std::os::unix::fs::symlink("b", &link).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for path in [link, pipe] {
            let file = StoredFile { path, entry: FileEntry::of(b"weights") };
            assert!(!file.is_intact().unwrap() && file.read().is_err());
        }
    }
}
