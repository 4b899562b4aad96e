//! `photos.json` of a `prepare` artifact: which photos were prepared, and which files were left out.

use serde::{Deserialize, Serialize};

/// The name of the file.
pub const FILE: &str = "photos.json";

/// The content of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhotoList {
    /// Every photo of the folders, in the order of their names.
    pub photos: Vec<PhotoEntry>,
    /// Files that are not photos, and why.
    pub skipped: Vec<SkippedEntry>,
}

/// One photo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhotoEntry {
    /// blake3 of the file.
    pub hash: String,
    /// Path below the folder named in the experiment.
    pub name: String,
    /// Width in pixels after orientation.
    pub width: u32,
    /// Height in pixels after orientation.
    pub height: u32,
    /// Text of the sidecar file.
    pub caption: Option<String>,
}

/// One file that was left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// The file.
    pub path: String,
    /// Why it is not used.
    pub reason: String,
}

/// The first 16 characters of a photo's hash: the photo's name inside artifacts and reports.
#[must_use]
pub fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

/// The file with the square crop of a photo, by the photo's hash.
#[must_use]
pub fn crop_file(hash: &str) -> String {
    format!("photos/{}.png", short(hash))
}
