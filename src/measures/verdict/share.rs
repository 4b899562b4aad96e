//! Floor, ceiling and what lies between.

use serde::Serialize;

use super::bootstrap::bootstrap;
use super::estimate::Estimate;

/// From this share of the span on, the base model knows the subject by its name.
pub const KNOWN: f64 = 0.75;

/// What a measure can see of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Span {
    /// What the base model's images reach.
    pub floor: f64,
    /// What real photos of the subject reach that no cell trained on.
    pub ceiling: f64,
    /// Ceiling − floor, with its interval over photos.
    pub span: Estimate,
    /// Whether the measure sees the subject at all: the whole interval is above zero. `None` with one photo.
    pub sees: Option<bool>,
}

/// From the scores of each held-out photo: the real photos' (`ceiling`) and the base model's images' (`floor`), in the
/// same order, higher is better. `None` if there is no photo or a score is not a number.
#[must_use]
pub fn span(floor: &[f64], ceiling: &[f64]) -> Option<Span> {
    if floor.len() != ceiling.len() {
        return None;
    }
    let apart: Vec<f64> = ceiling.iter().zip(floor).map(|(c, f)| c - f).collect();
    let span = bootstrap(&[apart])?;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    Some(Span { floor: mean(floor), ceiling: mean(ceiling), span, sees: span.above(0.0) })
}

/// Where a score stands between floor (0) and ceiling (1); `None` if they are equal.
#[must_use]
pub fn share(score: f64, floor: f64, ceiling: f64) -> Option<f64> {
    let share = (score - floor) / (ceiling - floor);
    share.is_finite().then_some(share)
}

/// Whether the base model knows the subject by its name: `name` is the score of its images for that name.
#[must_use]
pub fn knows_name(name: f64, span: &Span) -> Option<bool> {
    share(name, span.floor, span.ceiling).map(|share| share >= KNOWN)
}
