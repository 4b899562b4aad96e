//! The numbers that settings may have.

/// The numbers a setting may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    low: f64,
    low_included: bool,
    high: f64,
    high_included: bool,
}

impl From<std::ops::RangeInclusive<f64>> for Bounds {
    fn from(range: std::ops::RangeInclusive<f64>) -> Self {
        Self::from_to(*range.start(), *range.end())
    }
}

impl Bounds {
    pub(super) const fn from_to(low: f64, high: f64) -> Self {
        Self { low, low_included: true, high, high_included: true }
    }

    pub(super) const fn above_to(low: f64, high: f64) -> Self {
        Self { low, low_included: false, high, high_included: true }
    }

    pub(super) const fn from_below(low: f64, high: f64) -> Self {
        Self { low, low_included: true, high, high_included: false }
    }

    /// False for NaN.
    pub(super) fn contains(&self, value: f64) -> bool {
        let above = value > self.low || (self.low_included && value == self.low);
        let below = value < self.high || (self.high_included && value == self.high);
        above && below
    }

    pub(super) fn expected(&self) -> String {
        let (low, high) = (crate::text::number(self.low), crate::text::number(self.high));
        let low = if self.low_included { format!("from {low}") } else { format!("above {low}") };
        let high = if self.high_included { format!("up to {high}") } else { format!("below {high}") };
        format!("a number {low}, {high}")
    }
}

/// Largest seed TOML can hold.
pub(super) const MAX_SEED: u64 = i64::MAX as u64;
/// Side of the largest picture in pixels.
pub const MAX_SIDE: u64 = 4096;
/// The VAE halves a picture three times.
pub const SIDE_MULTIPLE: u64 = 8;
