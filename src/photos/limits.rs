//! How large photos and captions may be.

/// Largest photo file, in bytes.
pub const MAX_FILE_BYTES: u64 = 100_000_000;
/// Largest photo, in pixels (width × height). A 200-megapixel phone photo has 199.8 million.
pub const MAX_PIXELS: u64 = 200_000_000;
/// Most files and folders one [`scan`](super::scan()) looks at.
pub const MAX_ENTRIES: usize = 100_000;
/// Longest caption, in bytes after trimming.
pub const MAX_CAPTION_BYTES: usize = 4_000;
/// What a decoder may allocate for one photo besides the file and its pixels, in bytes.
pub(super) const DECODER_BYTES: u64 = 64_000_000;
