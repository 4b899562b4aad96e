//! Which of two conditions is better.

use serde::Serialize;

use super::comparison::Comparison;
use super::student::{two_sided, two_sided_quantile};
use super::study::Direction;

/// What may be said of two conditions, or of a condition and the base model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// The first is better.
    Better,
    /// The first is worse.
    Worse,
    /// The difference is not larger than what chance makes.
    NotClear,
    /// Nothing is known of chance, or they cannot be compared.
    Unknown,
}

/// Two conditions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Index of the first condition.
    pub first: usize,
    /// Index of the second condition.
    pub second: usize,
    /// Score of the first − score of the second, inside the repeats.
    pub estimate: f64,
    /// Its standard error.
    pub se: Option<f64>,
    /// The degrees of freedom of the standard error.
    pub df: Option<usize>,
    /// The 95 % interval of this difference alone.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// The chance of such a difference without any effect.
    pub p: Option<f64>,
    /// The same, corrected for all comparisons of the study (Holm).
    pub p_holm: Option<f64>,
    /// What may be said.
    pub call: Call,
}

impl Call {
    /// By the sign of a difference and its corrected p-value.
    pub(super) fn of(estimate: f64, p: Option<f64>, direction: Direction) -> Self {
        match p {
            None => Self::Unknown,
            Some(p) if p <= 0.05 && estimate * direction.sign() > 0.0 => Self::Better,
            Some(p) if p <= 0.05 && estimate * direction.sign() < 0.0 => Self::Worse,
            Some(_) => Self::NotClear,
        }
    }

    /// What may be said when the two change places.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Better => Self::Worse,
            Self::Worse => Self::Better,
            same => same,
        }
    }
}

impl Difference {
    /// Half the length of bands around the two means that do not touch if and only if the difference is clear after
    /// Bonferroni's correction for so many comparisons. `None` where nothing is known of chance.
    #[must_use]
    pub fn band(&self, comparisons: usize) -> Option<f64> {
        let (se, df) = self.se.zip(self.df)?;
        Some(two_sided_quantile(0.05 / comparisons.max(1) as f64, df as f64) * se / 2.0)
    }

    /// What may be said of `condition` against the other one of the pair; `None` if it is not of this pair.
    #[must_use]
    pub fn call_for(&self, condition: usize) -> Option<Call> {
        match condition {
            c if c == self.first => Some(self.call),
            c if c == self.second => Some(self.call.turned()),
            _ => None,
        }
    }
}

/// All pairs of conditions that can be compared, not yet corrected for each other.
pub(super) fn differences(comparison: &Comparison, conditions: usize) -> Vec<Difference> {
    let pairs = (0..conditions).flat_map(|a| (a + 1..conditions).map(move |b| (a, b)));
    let weighted = pairs.map(|(a, b)| (a, b, comparison.pair(a, b)));
    weighted.filter_map(|(a, b, w)| difference(comparison, a, b, &w)).collect()
}

/// One contrast as a difference of `first` and `second`; not yet corrected for others.
pub(super) fn difference(comparison: &Comparison, first: usize, second: usize, weights: &[f64]) -> Option<Difference> {
    let contrast = comparison.contrast(weights)?;
    let half = contrast.half_width(0.05);
    Some(Difference {
        first,
        second,
        estimate: contrast.estimate,
        se: contrast.error.map(|e| e.0),
        df: contrast.error.map(|e| e.1),
        low: half.map(|h| contrast.estimate - h),
        high: half.map(|h| contrast.estimate + h),
        p: contrast.error.map(|(se, df)| two_sided(contrast.estimate / se, df as f64)),
        p_holm: None,
        call: Call::Unknown,
    })
}
