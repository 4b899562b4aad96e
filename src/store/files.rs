//! Small durable file operations: write by temp file, fsync and rename.

use super::error::{At, StoreError};
use super::name::TEMP_PREFIX;
use super::stored::{is_absent, open_plain};
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Most bytes that are read of a manifest, a failure record or a DONE file.
const SMALL: u64 = 64 << 20;

/// Writes a file so that a kill at any moment leaves the old or the new content, never a part.
/// Missing folders on the way are made.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // The parent of `a.png` is the empty path: the current folder.
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(folder)?;
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temp = folder.join(format!("{TEMP_PREFIX}{}-{n}", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temp, path)
    })();
    if written.is_err() {
        // The first error matters; a leftover is removed at the next claim.
        let _ = fs::remove_file(&temp);
    }
    written.at("write", path)?;
    sync_folder(folder)
}

/// Makes a folder and those above it.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).at("make the folder", path)
}

/// Makes renames and new names in a folder survive a power cut. Folders cannot be opened on Windows: nothing there.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    if cfg!(unix) { File::open(path).and_then(|folder| folder.sync_all()).at("write", path) } else { Ok(()) }
}

/// The content of a small file, `None` if there is no plain file. A larger one is damaged and is cut off here: its
/// reader finds that it cannot be parsed.
pub(super) fn read_small(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = open_plain(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(SMALL).read_to_end(&mut bytes).at("read", path)?;
    Ok(Some(bytes))
}

/// Removes a file or a folder with all it holds; nothing there is fine.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    let gone = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match gone {
        Err(e) if !is_absent(&e) => Err(e).at("remove", path),
        _ => Ok(()),
    }
}

/// Everything under a folder, folders before their content, sorted; symbolic links are not followed.
pub(super) fn walk(dir: &Path) -> impl Iterator<Item = std::io::Result<walkdir::DirEntry>> {
    let entries = walkdir::WalkDir::new(dir).min_depth(1).sort_by_file_name();
    entries.into_iter().map(|entry| entry.map_err(std::io::Error::from))
}

/// Size of everything under a folder in bytes.
pub(super) fn folder_bytes(dir: &Path) -> u64 {
    let sizes =
        walk(dir).filter_map(Result::ok).filter_map(|entry| entry.metadata().ok()).filter(|meta| meta.is_file());
    sizes.map(|meta| meta.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_as_a_whole_and_leaves_no_temp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.txt");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(read_small(&path).unwrap().unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(read_small(&folder.path().join("none")).unwrap(), None);
    }

    #[test]
    fn an_error_names_the_file_and_leaves_no_temp() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        let error = write_atomic(&folder.path().join("taken"), b"x").unwrap_err().to_string();
        assert!(error.contains("taken"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
