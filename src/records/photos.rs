//! `photos.json` of a `prepare` artifact: which photos were prepared, and which files were left out.
//!
//! Beside it lie the square crops ([`crop_file`]) and, for photos with a mask, the same squares of the masks
//! ([`mask_file`]).

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
    /// blake3 of the mask's file; `None` if the photo has no mask, and then there is no [`mask_file`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// Top and left of the crop in the scaled photo, in pixels; recorded for models that are told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<[usize; 2]>,
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

/// The file with the square crop of a photo's mask, by the photo's hash: an RGB PNG of the size of [`crop_file`] with
/// three equal channels, 255 where the subject is and 0 where it is not.
#[must_use]
pub fn mask_file(hash: &str) -> String {
    format!("masks/{}.png", short(hash))
}
