//! Why something cannot be measured.

/// Why two images cannot be compared. Sizes are `(width, height)` in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    /// Two images must have the same size.
    #[error("images of {} × {} and {} × {} pixels cannot be compared", .a.0, .a.1, .b.0, .b.1)]
    SizesDiffer {
        /// Size of the first image.
        a: (u32, u32),
        /// Size of the second image.
        b: (u32, u32),
    },
    /// The image is smaller than the window of the measure.
    #[error("an image of {width} × {height} pixels is smaller than the window of {window} × {window}")]
    TooSmall {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
        /// Side of the window in pixels.
        window: u32,
    },
}
