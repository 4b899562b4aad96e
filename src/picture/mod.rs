//! RGB pictures: PNG files, and resizing as PIL does it.

mod palette;
mod png;
mod resize;

pub use palette::encode_drawing;
pub use png::{decode_png, encode_png};
pub use resize::{Filter, Passes, Span, longer_side, resize_and_crop, taps};
