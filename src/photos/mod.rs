//! The user's photos: found, recognised by content, checked, decoded, cropped and resized.
//!
//! [`scan()`] reads headers only and says what it found, skipped and why; [`examine()`] decodes the photos completely,
//! so that none fails after training began, and finds copies of the same picture; [`split()`] divides them into those to
//! train on and those held out; [`load()`] makes the square a model trains on.
//!
//! Pixels are what `PIL.Image.convert("RGB")` gives after `ImageOps.exif_transpose`, with two decisions of our own:
//! transparency is laid over white (PIL drops it, which shows whatever colour lies below), and a file with more than
//! one frame is skipped, not silently cut to its first frame. Colour profiles (ICC) are ignored, as PIL and the
//! diffusers scripts do. A TIFF of several pages counts by its first page.

mod caption;
mod crop;
mod decode;
mod error;
mod examine;
mod exif;
mod fingerprint;
mod format;
mod guard;
mod header;
mod jpeg;
mod jpeg_other;
mod load;
mod memory;
mod order;
mod orientation;
mod own;
mod png_text;
mod resize;
mod scan;
mod split;

pub use caption::CAPTION_NAMES;
pub use error::PhotoError;
pub use examine::examine;
pub use format::Format;
pub use guard::is_decoding;
pub use load::load;
pub use memory::Memory;
pub use order::{order, rank};
pub use own::REPORT_LIST;
pub use scan::scan;
pub use split::{Split, split};

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Largest photo file, in bytes.
pub const MAX_FILE_BYTES: u64 = 100_000_000;
/// Largest photo, in pixels (width × height). A 200-megapixel phone photo has 199.8 million.
pub const MAX_PIXELS: u64 = 200_000_000;
/// Most files and folders one [`scan()`] looks at.
pub const MAX_ENTRIES: usize = 100_000;
/// Longest caption, in bytes after trimming.
pub const MAX_CAPTION_BYTES: usize = 4_000;
/// What a decoder may allocate for one photo besides the file and its pixels, in bytes.
const DECODER_BYTES: u64 = 64_000_000;

/// A file that was recognised as a photo. Its pixels are not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// Where the file is.
    pub path: PathBuf,
    /// Path relative to the folder the user named, with `/` on every system; with several folders the folder's own
    /// name comes first. For people: [`Photo::hash`] is the identity.
    pub name: String,
    /// BLAKE3 of the file's bytes, 64 hexadecimal digits.
    pub hash: String,
    /// What the content is.
    pub format: Format,
    /// Pixels from left to right, after orientation.
    pub width: u32,
    /// Pixels from top to bottom, after orientation.
    pub height: u32,
    /// 1, or 2 if earlier versions of this program read other pixels from this file: it lay on its side, or was a kind
    /// of JPEG that was decoded wrongly. A 2 is part of the keys, so that nothing made of those pixels is used.
    #[serde(default = "one")]
    pub reading: u32,
    /// The text of `photo.txt` beside `photo.jpg`, or of another of [`CAPTION_NAMES`]: white space collapsed, `None` if
    /// there is no text.
    pub caption: Option<String>,
    /// The file the caption stands in.
    #[serde(default)]
    pub caption_file: Option<PathBuf>,
}

impl Photo {
    /// The caption as it counts for a study that uses captions or, if not `used`, only shows them: then no more than
    /// `photo.txt` is looked at, as ever, so that the keys of such studies stay.
    #[must_use]
    pub fn caption(&self, used: bool) -> Option<&String> {
        let plain = |file: &PathBuf| *file == self.path.with_extension("txt");
        self.caption.as_ref().filter(|_| used || self.caption_file.as_ref().is_none_or(plain))
    }
}

fn one() -> u32 {
    1
}

#[cfg(test)]
impl Photo {
    /// One that lies nowhere, for tests of what is done with photos.
    fn made_up(name: String, hash: String) -> Self {
        Self {
            path: name.clone().into(),
            name,
            hash,
            format: Format::Jpeg,
            width: 1,
            height: 1,
            reading: 1,
            caption: None,
            caption_file: None,
        }
    }
}

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

/// A file with the same bytes or the same upright pixels as a photo found earlier. It is not used, so that no photo counts twice and none is
/// trained on and held out at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The copy.
    pub path: PathBuf,
    /// The photo that is used instead.
    pub same_as: PathBuf,
}

/// Photos that show nearly the same picture: one was made of the other, e.g. saved again, resized, turned or mirrored.
/// They are kept on one side of the split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// Content hashes of the photos, at least two, in their order.
    pub photos: Vec<String>,
    /// At least one of them is mirrored.
    pub mirrored: bool,
}

/// What [`scan()`] and [`examine()`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Why captions cannot be used, e.g. because of their encoding; matters only if captions are used.
    #[serde(default)]
    pub bad_captions: Vec<String>,
    /// Caption files of photos that have another one.
    #[serde(default)]
    pub other_captions: Vec<PathBuf>,
}

/// Where the training square is cut out of the resized photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crop {
    /// The middle.
    Center,
    /// A place drawn from the seed and the photo's content, the same every time.
    Random,
}
