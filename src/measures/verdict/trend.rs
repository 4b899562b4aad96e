//! The change of the score with the size.

use serde::Serialize;

use super::comparison::Comparison;
use super::student::two_sided;

/// A straight line through the scores over the logarithm of the size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trend {
    /// Change of the score with each doubling of the size.
    pub per_doubling: f64,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The chance of such a slope without any trend.
    pub p: Option<f64>,
}

/// `levels` are the weights of the conditions for each size. `None` with fewer than three sizes: two sizes have a
/// difference, not a trend.
pub(super) fn trend(comparison: &Comparison, levels: &[Vec<f64>], sizes: &[f64]) -> Option<Trend> {
    if sizes.len() < 3 || sizes.iter().any(|s| *s <= 0.0) {
        return None;
    }
    let logs: Vec<f64> = sizes.iter().map(|s| s.log2()).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let squares: f64 = logs.iter().map(|x| (x - mean) * (x - mean)).sum();
    let conditions = levels.first()?.len();
    let weight = |c: usize| levels.iter().zip(&logs).map(|(w, x)| (x - mean) / squares * w[c]).sum::<f64>();
    let contrast = comparison.contrast(&(0..conditions).map(weight).collect::<Vec<_>>())?;
    let half = contrast.half_width(0.05);
    Some(Trend {
        per_doubling: contrast.estimate,
        low: half.map(|h| contrast.estimate - h),
        high: half.map(|h| contrast.estimate + h),
        p: contrast.error.map(|(se, df)| two_sided(contrast.estimate / se, df as f64)),
    })
}
