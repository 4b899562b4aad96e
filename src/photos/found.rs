//! What was found in the folders of photos.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::check::look::Look;
use super::mask::Mask;
use super::photo::Photo;

/// A file that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// A fragment such as `a HEIC photo: convert it to JPEG or PNG`.
    pub reason: String,
    /// This program made it.
    #[serde(default)]
    pub own: bool,
}

/// A file with the same bytes or the same upright pixels as a photo that was found earlier. It is not used, so that
/// no photo counts twice and none is both trained on and held out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The copy.
    pub path: PathBuf,
    /// The photo that is used instead.
    pub same_as: PathBuf,
}

/// Photos that show nearly the same picture, because one was made from the other: saved again, resized, turned or
/// mirrored. They are kept on one side of the split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// Content hashes of the photos, at least two, in their order.
    pub photos: Vec<String>,
    /// At least one of them is mirrored.
    pub mirrored: bool,
}

/// Two photos of which one was cut out of the other, whatever was done to it besides. They are kept on one side of the
/// split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutCopy {
    /// Content hashes of the photos, in their order.
    pub photos: [String; 2],
    /// One is mirrored.
    pub mirrored: bool,
}

/// What [`scan`](super::scan()) and [`examine`](super::examine()) found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// Usable photos: in the order of the named folders, each sorted by [`Photo::name`]; contents are distinct.
    pub photos: Vec<Photo>,
    /// What is not used, and why, sorted by path. Hidden files and captions that were read are not listed.
    pub skipped: Vec<Skipped>,
    /// Copies of photos.
    pub duplicates: Vec<Duplicate>,
    /// Photos that show nearly the same picture.
    #[serde(default)]
    pub alike: Vec<Alike>,
    /// Pairs of photos of which one was cut out of the other; those that are [`Scan::alike`] are not listed.
    #[serde(default)]
    pub cut_copies: Vec<CutCopy>,
    /// What was measured on each photo, by its hash.
    #[serde(skip)]
    pub looks: BTreeMap<String, Look>,
    /// Files with the masks of photos, by the photo's hash.
    #[serde(default)]
    pub mask_files: BTreeMap<String, PathBuf>,
    /// Masks that were read and checked, by the photo's hash.
    #[serde(skip)]
    pub masks: BTreeMap<String, Mask>,
    /// Why masks cannot be used.
    #[serde(default)]
    pub bad_masks: Vec<Skipped>,
    /// Why captions cannot be used, e.g. because of their encoding; matters only if captions are used.
    #[serde(default)]
    pub bad_captions: Vec<String>,
    /// Caption files that are not used, because their photo has a better one.
    #[serde(default)]
    pub other_captions: Vec<PathBuf>,
}
