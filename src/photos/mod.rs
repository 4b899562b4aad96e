//! The user's photos: found, recognised by content, checked, decoded, cropped and resized.
//!
//! [`scan()`] reads headers only and says what it found, skipped and why; [`check_all`] decodes the photos
//! completely, so that none fails after training began; [`load()`] makes the square a model trains on.
//!
//! Pixels are what `PIL.Image.convert("RGB")` gives after `ImageOps.exif_transpose`, with two decisions of our own:
//! transparency is laid over white (PIL drops it, which shows whatever colour lies below), and a file with more than
//! one frame is skipped, not silently cut to its first frame. Colour profiles (ICC) are ignored, as PIL and the
//! diffusers scripts do. A TIFF of several pages counts by its first page.

mod caption;
mod crop;
mod decode;
mod error;
mod format;
mod header;
mod jpeg;
mod load;
mod order;
mod resize;
mod scan;

pub use error::PhotoError;
pub use format::Format;
pub use load::{check_all, check_decodes, load};
pub use order::order;
pub use scan::scan;

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
/// What a decoder may allocate for one photo, in bytes: enough for [`MAX_PIXELS`] of 16-bit RGBA.
const MAX_DECODER_BYTES: u64 = 8 * MAX_PIXELS + 64_000_000;

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
    /// The text of `photo.txt` beside `photo.jpg`: white space collapsed, `None` if there is no text.
    pub caption: Option<String>,
}

/// A file that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// A fragment such as `a HEIC photo: convert it to JPEG or PNG`.
    pub reason: String,
}

/// A file with the same bytes as a photo found earlier. It is not used, so that no photo counts twice and none is
/// trained on and held out at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The copy.
    pub path: PathBuf,
    /// The photo that is used instead.
    pub same_as: PathBuf,
}

/// What [`scan()`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Usable photos: in the order of the named folders, each sorted by [`Photo::name`]; contents are distinct.
    pub photos: Vec<Photo>,
    /// What is not used, and why, sorted by path. Hidden files and captions that were read are not listed.
    pub skipped: Vec<Skipped>,
    /// Copies of photos.
    pub duplicates: Vec<Duplicate>,
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
