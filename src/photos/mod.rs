//! The user's photos: found, recognised by content, checked, decoded, cropped and resized.
//!
//! [`scan()`] reads headers only and says what it found, skipped and why; [`examine()`] decodes the photos completely,
//! so that none fails after training began, and finds copies of the same picture; [`split()`] divides them into those
//! to train on and those held out; [`load()`] makes the square a model trains on.
//!
//! Pixels are what `PIL.Image.convert("RGB")` gives after `ImageOps.exif_transpose`, with two decisions of our own:
//! transparency is laid over white (PIL drops it, which shows whatever colour lies below), and a file with more than
//! one frame is skipped, not silently cut to its first frame. Colour profiles (ICC) are ignored, as PIL and the
//! diffusers scripts do. A TIFF of several pages counts by its first page.

mod caption;
pub mod check;
mod crop;
mod decode;
mod error;
mod examine;
mod exif;
mod file;
mod fingerprint;
mod format;
mod found;
mod guard;
mod header;
mod hex;
mod jpeg;
mod jpeg_other;
mod light;
mod limits;
mod load;
mod look;
mod mask;
mod mask_files;
mod memory;
mod order;
mod orientation;
mod own;
mod photo;
mod png_text;
mod scan;
mod split;
mod survey;
mod walk;

#[cfg(test)]
mod tests;

pub use caption::CAPTION_NAMES;
pub use crop::Cut;
pub use error::PhotoError;
pub use examine::examine;
pub use format::Format;
pub use found::{Alike, CutCopy, Duplicate, Scan, Skipped};
pub use guard::is_decoding;
pub use limits::{MAX_CAPTION_BYTES, MAX_ENTRIES, MAX_FILE_BYTES, MAX_PIXELS};
pub use load::{corner, load};
pub use mask::{Mask, load_mask};
pub use mask_files::MASK_NAMES;
pub use memory::Memory;
pub use order::{order, rank};
pub use own::REPORT_LIST;
pub use photo::Photo;
pub use scan::scan;
pub use split::{Split, split};
pub use survey::survey;
