//! Notes: small texts that are no result of a piece of work, e.g. what a race decided. Written as a whole, and read
//! only if the content is what was written.

use std::path::PathBuf;

use super::error::StoreError;
use super::files::{read_small, write_atomic};
use super::lookup::Store;
use crate::stage::Key;

impl Store {
    /// The note of a kind with that name; `None` if there is none, or one that is damaged.
    #[must_use]
    pub fn note(&self, kind: &str, name: &Key) -> Option<Vec<u8>> {
        let bytes = read_small(&self.note_file(kind, name)).ok()??;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (hash, content) = (&bytes[..end], &bytes[end + 1..]);
        (hash == blake3::hash(content).to_hex().as_bytes()).then(|| content.to_vec())
    }

    /// Writes a note, replacing one of the same name.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_note(&self, kind: &str, name: &Key, content: &[u8]) -> Result<(), StoreError> {
        let hash = blake3::hash(content).to_hex();
        write_atomic(&self.note_file(kind, name), &[hash.as_bytes(), b"\n", content].concat())?;
        Ok(())
    }

    fn note_file(&self, kind: &str, name: &Key) -> PathBuf {
        self.root().join(format!(".{kind}")).join(name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{KeyInputs, Stage};

    #[test]
    fn a_note_is_what_was_written_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let name = KeyInputs::new().key(Stage::Train);
        assert_eq!(store.note("race", &name), None);
        store.write_note("race", &name, b"one\ntwo").unwrap();
        assert_eq!(store.note("race", &name).unwrap(), b"one\ntwo");
        store.write_note("race", &name, b"three").unwrap();
        assert_eq!(store.note("race", &name).unwrap(), b"three");
        let file = folder.path().join(".race").join(name.as_str());
        let whole = std::fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&file, &whole[..cut]).unwrap();
            assert_eq!(store.note("race", &name), None, "{cut}");
        }
    }
}
