//! What is found out once and kept in the store for later commands: the hashes of model files, and which photos decode
//! and what they show. Without it only time is lost.

use crate::{
    hashing::{HashCache, plain_file},
    photos::Memory,
    store::write_atomic,
};
use std::path::{Path, PathBuf};

/// The hashes of files outside of the store, so that a base model is read once and not for each plan.
const HASHES: &str = ".hashes.json";
/// What the photos show.
const PHOTOS: &str = ".photos.txt";
/// Most bytes that are read of what is kept of photos.
const LARGEST: u64 = 64 << 20;

/// Both memories of a store.
#[derive(Debug)]
pub(super) struct Memories {
    store: PathBuf,
    pub(super) hashes: HashCache,
    pub(super) photos: Memory,
}

impl Memories {
    /// What earlier commands found out; nothing where it cannot be read.
    pub(super) fn open(store: &Path) -> Self {
        let bytes = plain_file::read(&store.join(PHOTOS), LARGEST).unwrap_or_default();
        Self {
            store: store.to_owned(),
            hashes: HashCache::open(&store.join(HASHES)),
            photos: Memory::parse(&String::from_utf8_lossy(&bytes)),
        }
    }

    /// Keeps what is new if there is a store and it may be written.
    pub(super) fn keep(&mut self) {
        self.hashes.save();
        if let Some(text) = self.photos.to_text().filter(|_| self.store.is_dir())
            && write_atomic(&self.store.join(PHOTOS), text.as_bytes()).is_ok()
        {
            self.photos.kept();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_store_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/photos/inputs/grey.png");
        let mut memories = Memories::open(&store);
        let mut scan = crate::photos::scan(&[photos]).unwrap();
        crate::photos::examine(&mut scan, &mut memories.photos).unwrap();
        memories.keep();
        assert!(!store.exists());
        std::fs::create_dir(&store).unwrap();
        let text = memories.photos.to_text().unwrap();
        memories.keep();
        assert_eq!(std::fs::read_to_string(store.join(PHOTOS)).unwrap(), text);
        assert_eq!(memories.photos.to_text(), None);
        assert_eq!(Memories::open(&store).photos.to_text(), None);
    }
}
