//! Where it is kept which photos decode and what they show: in the store, so that it is found out once.

use crate::{hashing::plain_file, photos::Memory, store::write_atomic};
use std::path::Path;

/// The file in the store.
const NAME: &str = ".photos.txt";
/// Most bytes that are read of it.
const LARGEST: u64 = 64 << 20;

/// What earlier commands found out; nothing if it cannot be read.
pub(super) fn read(store: &Path) -> Memory {
    // Without it photos are decoded again, that is all.
    let bytes = plain_file::read(&store.join(NAME), LARGEST).unwrap_or_default();
    Memory::parse(&String::from_utf8_lossy(&bytes))
}

/// Keeps it for later commands if there is a store and it may be written.
pub(super) fn keep(store: &Path, memory: &Memory) {
    if let Some(text) = memory.to_text().filter(|_| store.is_dir()) {
        // As above: only time is lost.
        let _ = write_atomic(&store.join(NAME), text.as_bytes());
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
        let mut memory = read(&store);
        let mut scan = crate::photos::scan(&[photos]).unwrap();
        crate::photos::examine(&mut scan, &mut memory).unwrap();
        keep(&store, &memory);
        assert!(!store.exists());
        std::fs::create_dir(&store).unwrap();
        keep(&store, &memory);
        assert_eq!(std::fs::read_to_string(store.join(NAME)).unwrap(), memory.to_text().unwrap());
        assert_eq!(read(&store).to_text(), None);
    }
}
