//! A file that gives only what was hashed.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use blake3::Hash;

use super::blocks::{Blocks, Part};
use super::cache::HashCache;

/// A file whose content is known by its hash. It stays open, so a file that takes its name later is not read; every
/// part that is read is compared with the hash, so a file that is written in place is noticed.
#[derive(Debug)]
pub struct HashedFile {
    path: PathBuf,
    file: File,
    hash: Hash,
    /// Made when the first part is read if the hash was remembered.
    blocks: OnceLock<Blocks>,
    /// Where the hash was remembered.
    cache: Option<PathBuf>,
}

/// Why a part of a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read any more.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file can be read, but it no longer has the content that was hashed.
    #[error("the content changed since the file was hashed")]
    Changed,
}

impl HashedFile {
    /// Hashes a file, unless `cache` knows it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: &Path, cache: &mut HashCache) -> io::Result<Self> {
        let file = File::open(path)?;
        let before = file.metadata()?;
        let known = cache.get(path, &before);
        let blocks = OnceLock::new();
        let hash = match known {
            Some(hash) => hash,
            None => {
                let made = Blocks::of(&file)?;
                let hash = *made.hash();
                cache.put(path, &before, &file.metadata()?, &hash);
                blocks.get_or_init(|| made);
                hash
            }
        };
        let cache = known.and(cache.file()).map(Path::to_owned);
        Ok(Self { path: path.to_owned(), file, hash, blocks, cache })
    }

    /// The path, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// blake3 of the content.
    #[must_use]
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// Reads a part of what was hashed.
    ///
    /// # Errors
    /// A file that cannot be read or whose content changed.
    pub fn read(&self, start: u64, bytes: u64) -> Result<Part, ReadError> {
        self.blocks()?.read(&self.file, start, bytes)?.ok_or(ReadError::Changed)
    }

    fn blocks(&self) -> Result<&Blocks, ReadError> {
        // This does not lock: hashing runs on several threads, and one of them could come here and wait for itself.
        if let Some(blocks) = self.blocks.get() {
            return Ok(blocks);
        }
        let blocks = Blocks::of(&self.file)?;
        if *blocks.hash() != self.hash {
            // Without this every further plan would believe the old hash.
            if let Some(file) = &self.cache {
                let mut cache = HashCache::open(file);
                cache.forget(&self.path);
                cache.save();
            }
            return Err(ReadError::Changed);
        }
        Ok(self.blocks.get_or_init(|| blocks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_wrong_hash_is_found_by_the_first_read_and_forgotten() {
        use std::time::{Duration, SystemTime};
        let folder = tempfile::tempdir().unwrap();
        let (path, stored) = (folder.path().join("model"), folder.path().join("hashes.json"));
        std::fs::write(&path, "one").unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        let later = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(3600);
        let mut cache = HashCache::open(&stored);
        cache.put_at(&path, &metadata, &metadata, &blake3::hash(b"two"), later);
        cache.save();
        let file = HashedFile::open(&path, &mut HashCache::open(&stored)).unwrap();
        assert_eq!(*file.hash(), blake3::hash(b"two"));
        assert!(matches!(file.read(0, 1), Err(ReadError::Changed)));
        let file = HashedFile::open(&path, &mut HashCache::open(&stored)).unwrap();
        assert_eq!((*file.hash(), file.read(0, 3).unwrap()[..] == *b"one"), (blake3::hash(b"one"), true));
    }

    #[test]
    fn a_change_in_place_is_noticed_and_a_replacement_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        std::fs::write(&path, "one").unwrap();
        let hashed = HashedFile::open(&path, &mut HashCache::none()).unwrap();
        assert_eq!(hashed.read(1, 2).unwrap()[..], *b"ne");
        // Windows does not replace an open file.
        if cfg!(unix) {
            let other = folder.path().join("other");
            std::fs::write(&other, "six").unwrap();
            std::fs::rename(&other, &path).unwrap();
            assert_eq!(hashed.read(1, 2).unwrap()[..], *b"ne");
        }
        let hashed = HashedFile::open(&path, &mut HashCache::none()).unwrap();
        std::fs::write(&path, "ten").unwrap();
        assert!(matches!(hashed.read(0, 1), Err(ReadError::Changed)));
        std::fs::write(&path, "t").unwrap();
        assert!(matches!(hashed.read(0, 1), Err(ReadError::Io(_))));
    }
}
