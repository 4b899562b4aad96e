//! Reads the bytes of photos and captions.

use std::io::Read;
use std::path::Path;

use super::error::PhotoError;
use super::limits::MAX_FILE_BYTES;

/// The bytes of a photo, refused if there are more than [`MAX_FILE_BYTES`].
pub(super) fn read_photo(path: &Path) -> Result<Vec<u8>, PhotoError> {
    let bytes = read_start(path, MAX_FILE_BYTES + 1)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let bytes = path.metadata().map_or(bytes.len() as u64, |meta| meta.len());
        return Err(PhotoError::TooManyBytes { path: path.to_owned(), bytes });
    }
    Ok(bytes)
}

/// The first `limit` bytes of a file; the whole file if it has no more.
pub(super) fn read_start(path: &Path, limit: u64) -> Result<Vec<u8>, PhotoError> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| PhotoError::io(path, e))?;
    file.take(limit).read_to_end(&mut bytes).map_err(|e| PhotoError::io(path, e))?;
    Ok(bytes)
}
