//! A folder in memory, where the files of an input lie while it is tried.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder; removed when it is dropped.
pub(crate) struct Files {
    folder: tempfile::TempDir,
    /// What was written last: most inputs change one file of several.
    written: RefCell<BTreeMap<PathBuf, Vec<u8>>>,
}

impl Files {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        let shared = Path::new("/dev/shm");
        let folder = tempfile::Builder::new().prefix("runner-fuzz").tempdir_in(shared).or_else(|_| tempfile::tempdir());
        Self { folder: folder.expect("a temporary folder"), written: RefCell::default() }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file and the folders above it; returns its path.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        let mut written = self.written.borrow_mut();
        if written.get(&path).is_none_or(|old| old != bytes) {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
            std::fs::write(&path, bytes).expect("a file is written");
            written.insert(path.clone(), bytes.to_vec());
        }
        path
    }

    /// Writes a file, or removes it if there is nothing to write.
    pub(crate) fn put_or_remove(&self, name: &str, bytes: &[u8]) {
        if bytes.is_empty() {
            self.remove(name);
        } else {
            self.put(name, bytes);
        }
    }

    /// Removes a file or a folder with all it holds; nothing there is fine.
    pub(crate) fn remove(&self, name: &str) {
        let path = self.path(name);
        self.written.borrow_mut().retain(|file, _| !file.starts_with(&path));
        let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
    }
}

/// A file of `tests/golden`.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    let path = golden_path(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Its path.
pub(crate) fn golden_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}
