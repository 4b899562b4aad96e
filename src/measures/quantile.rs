//! Quantiles of measured numbers.

/// The quantile of sorted values, linear between neighbours, as numpy's default. `None` without values.
pub(in crate::measures) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(low + (high - low) * at.fract())
}
