//! RGB pictures: PNG files, and resizing as PIL does it.

mod png;
mod resize;

pub use png::{decode_png, encode_png};
pub use resize::{Filter, Passes, Span, longer_side, resize_and_crop, taps};
