//! Small file operations, with errors that name the path.

use super::error::{At, StoreError};
use super::stored::{is_absent, open_plain};
use crate::files;
use std::{fs, io::Read, path::Path};

/// Most bytes that are read of a manifest, a failure record or a DONE file.
const SMALL: u64 = 64 << 20;

/// Like [`files::write_atomic`], with the error of the store.
///
/// # Errors
/// A folder that cannot be made or a file that cannot be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    Ok(files::write_atomic(path, bytes)?)
}

/// Makes a folder and those above it.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).at("make the folder", path)
}

/// Like [`files::sync_folder`], with the error of the store.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    files::sync_folder(path).at("write", path)
}

/// The content of a small file, `None` if there is no plain file. A larger one is damaged and is cut off here: its
/// reader finds that it cannot be parsed.
pub(super) fn read_small(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = open_plain(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(SMALL).read_to_end(&mut bytes).at("read", path)?;
    Ok(Some(bytes))
}

/// Removes a file, or a folder with all it holds. It is no error if there is nothing.
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
