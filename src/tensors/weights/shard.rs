//! One file of a set, and the proof that what is read from it is what was hashed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use blake3::Hash;

use crate::hashing::{HashedFile, ReadError};
use crate::tensors::LoadError;

/// A safetensors file.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    path: PathBuf,
    /// What was read before the file was hashed, which must prove to be part of what was hashed.
    early: Vec<Early>,
    hashed: Option<Arc<HashedFile>>,
    compared: OnceLock<()>,
}

/// A part that was read before the file was hashed.
#[derive(Clone, Debug)]
struct Early {
    start: u64,
    bytes: u64,
    hash: Hash,
}

impl Shard {
    /// A file whose first bytes are `header`.
    pub(crate) fn new(path: &Path, header: &[u8]) -> Self {
        let mut shard = Self { path: path.to_owned(), early: Vec::new(), hashed: None, compared: OnceLock::new() };
        shard.note(0, header);
        shard
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn note(&mut self, start: u64, bytes: &[u8]) {
        self.early.push(Early { start, bytes: bytes.len() as u64, hash: blake3::hash(bytes) });
    }

    /// From here on only what was hashed is read.
    pub(crate) fn seal(&mut self, file: Arc<HashedFile>) {
        self.hashed = Some(file);
        self.compared = OnceLock::new();
    }

    /// Reads a part and gives it to `use_it`.
    ///
    /// # Errors
    /// A file that cannot be read, and one that is not what was hashed.
    pub(crate) fn read<T>(&self, start: u64, bytes: u64, use_it: impl FnOnce(&[u8]) -> T) -> Result<T, LoadError> {
        let Some(hashed) = &self.hashed else { return Ok(use_it(&self.plain(start, bytes)?)) };
        if self.compared.get().is_none() {
            for early in &self.early {
                let part = hashed.read(early.start, early.bytes).map_err(|error| self.failed(error))?;
                if blake3::hash(&part) != early.hash {
                    return Err(self.failed(ReadError::Changed));
                }
            }
            let _ = self.compared.set(());
        }
        let part = hashed.read(start, bytes).map_err(|error| self.failed(error))?;
        Ok(use_it(&part))
    }

    /// Reads a part before the file is hashed.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn read_early(&mut self, start: u64, bytes: u64) -> Result<Vec<u8>, LoadError> {
        let part = self.plain(start, bytes)?;
        self.note(start, &part);
        Ok(part)
    }

    fn plain(&self, start: u64, bytes: u64) -> Result<Vec<u8>, LoadError> {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut open = File::open(&self.path)?;
            open.seek(SeekFrom::Start(start))?;
            // The length was checked against the file's when it was opened.
            let mut part = vec![0; bytes as usize];
            open.read_exact(&mut part)?;
            Ok(part)
        };
        read().map_err(|source| LoadError::Read { file: self.path.clone(), source })
    }

    fn failed(&self, error: ReadError) -> LoadError {
        match error {
            ReadError::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
                LoadError::Read { file: self.path.clone(), source }
            }
            ReadError::Io(_) | ReadError::Changed => LoadError::Changed { file: self.path.clone() },
        }
    }
}
