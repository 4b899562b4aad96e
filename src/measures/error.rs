//! Why something cannot be measured.

/// Why something cannot be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The pixels are not `width × height × 3` bytes, or there are none.
    #[error("{bytes} bytes are not an RGB image of {width} × {height} pixels")]
    NotAnImage {
        /// Pixels from left to right.
        width: usize,
        /// Pixels from top to bottom.
        height: usize,
        /// What was given.
        bytes: usize,
    },
    /// Two images must have the same size.
    #[error("images of {} × {} and {} × {} pixels cannot be compared", .a.0, .a.1, .b.0, .b.1)]
    SizesDiffer {
        /// Width and height of the first image.
        a: (usize, usize),
        /// Width and height of the second image.
        b: (usize, usize),
    },
    /// The image is smaller than the metric's window.
    #[error("an image of {width} × {height} pixels is smaller than the window of {window} × {window}")]
    TooSmall {
        /// Pixels from left to right.
        width: usize,
        /// Pixels from top to bottom.
        height: usize,
        /// Side of the window in pixels.
        window: usize,
    },
    /// Fewer numbers than the statistic needs.
    #[error("{given} numbers, at least {needed} are needed")]
    TooFew {
        /// How many were given.
        given: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A number is NaN or infinite.
    #[error("number {index} is not finite")]
    NotFinite {
        /// Its place, from 0.
        index: usize,
    },
    /// Both groups are constant, so chance has no scale.
    #[error("neither group varies")]
    NoSpread,
    /// Paired groups must be equally long.
    #[error("groups of {a} and {b} numbers are not pairs")]
    NotPaired {
        /// Length of the first group.
        a: usize,
        /// Length of the second group.
        b: usize,
    },
}

/// Refuses fewer than `needed` numbers and numbers that are not finite.
pub(super) fn check(values: &[f64], needed: usize) -> Result<(), MetricError> {
    if values.len() < needed {
        return Err(MetricError::TooFew { given: values.len(), needed });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(MetricError::NotFinite { index }),
        None => Ok(()),
    }
}
