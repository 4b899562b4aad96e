//! What a group of numbers looks like.

use serde::{Deserialize, Serialize};

use super::MetricError;
use super::error::check;

/// A group of numbers in a few words. Units are those of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many numbers.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divided by n − 1); `None` for a single number.
    pub sd: Option<f64>,
    /// Standard error of the mean, sd / √n; `None` for a single number.
    pub standard_error: Option<f64>,
    /// Smallest number.
    pub min: f64,
    /// Middle number, or the mean of the two middle ones.
    pub median: f64,
    /// Largest number.
    pub max: f64,
}

impl Summary {
    /// Of at least one number; all must be finite.
    pub fn of(values: &[f64]) -> Result<Self, MetricError> {
        check(values, 1)?;
        let n = values.len();
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mean = mean(values);
        let sd = (n > 1).then(|| variance(values, mean).sqrt());
        let median = f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]);
        let standard_error = sd.map(|sd| sd / (n as f64).sqrt());
        Ok(Self { n, mean, sd, standard_error, min: sorted[0], median, max: sorted[n - 1] })
    }
}

/// Arithmetic mean of at least one number.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample variance of at least two numbers.
pub(super) fn variance(values: &[f64], mean: f64) -> f64 {
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_group() {
        // numpy: mean, std(ddof=1), median of [2, 4, 4, 4, 5, 5, 7, 9]
        let summary = Summary::of(&[9.0, 4.0, 4.0, 2.0, 5.0, 5.0, 7.0, 4.0]).expect("summary");
        assert_eq!((summary.n, summary.mean, summary.median), (8, 5.0, 4.5));
        assert_eq!((summary.min, summary.max), (2.0, 9.0));
        assert!((summary.sd.expect("sd") - 2.138_089_935_299_395).abs() < 1e-12);
        assert!((summary.standard_error.expect("se") - 0.755_928_946_018_454_5).abs() < 1e-12);
    }

    #[test]
    fn one_number_has_no_spread_and_bad_numbers_are_refused() {
        let one = Summary::of(&[3.0]).expect("summary");
        assert_eq!((one.mean, one.sd, one.standard_error, one.median), (3.0, None, None, 3.0));
        assert_eq!(Summary::of(&[]), Err(MetricError::TooFew { given: 0, needed: 1 }));
        assert_eq!(Summary::of(&[1.0, f64::NAN]), Err(MetricError::NotFinite { index: 1 }));
    }
}
