//! Whom the JSON is for, and what follows from it.

/// Whom the JSON is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Programs,
    Page,
}

/// The page shows four digits.
pub(super) fn rounded(value: f64, reader: For) -> f64 {
    match reader {
        For::Programs => value,
        For::Page => (value * 1e4).round() / 1e4,
    }
}
