//! How alike two features are.

use crate::measures::inputs::mean;

/// The cosine of the angle between two features, `Σ a b / sqrt(Σ a² Σ b²)`, −1..=1. Summed in f64.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The mean cosine of a feature to others; `None` if there are none.
#[must_use]
pub fn mean_cosine<'a>(a: &[f32], others: impl IntoIterator<Item = &'a [f32]>) -> Option<f64> {
    mean(others.into_iter().map(|other| cosine(a, other)))
}
