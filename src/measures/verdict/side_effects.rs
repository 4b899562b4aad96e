//! Side effects, each with what it is held against.

use serde::Serialize;

use super::estimate::Estimate;

/// The class counts as overwritten when the leak is above this.
pub const LEAK: f64 = 0.25;
/// Variety counts as lost when less than this share of the base model's is left, and less than real photos have. Images
/// of one subject are more alike than those of a class in any case: seen by the demo's first encoder, sound trainings
/// kept 0.47 to 0.77, one that copied its photos 0.23; the sharper one of today sees 0.24 to 0.56, and 0.05 of photos.
pub const VARIETY: f64 = 0.35;

/// Photos were learnt by heart if the loss on unseen ones fell by less than this share of the fall on them.
const UNSEEN: f64 = 0.1;

/// What a number is held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// More than this is bad.
    Above(f64),
    /// Less than this is bad.
    Below(f64),
}

/// A side effect of one condition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SideEffect {
    /// The number, over trainings.
    pub estimate: Estimate,
    /// What it is held against.
    pub limit: Limit,
    /// Whether it is there: the whole interval is beyond the limit. With one training the number itself is.
    pub there: bool,
}

impl SideEffect {
    /// From one number for each training; `None` without any.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>, limit: Limit) -> Option<Self> {
        let estimate = Estimate::of(values)?;
        let there = match limit {
            Limit::Above(limit) => estimate.low.unwrap_or(estimate.mean) > limit,
            Limit::Below(limit) => estimate.high.unwrap_or(estimate.mean) < limit,
        };
        Some(Self { estimate, limit, there })
    }
}

/// Whether the photos were learnt by heart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByHeart {
    /// Change of the loss on training photos, as a share of the base model's.
    pub train: Estimate,
    /// Change of the loss on held-out photos, as a share of the base model's.
    pub held_out: Estimate,
    /// The first − the second, inside each training.
    pub gap: Estimate,
    /// Whether the loss fell on the training photos, fell by less than a tenth of that on the held-out photos, and the
    /// gap is clear.
    pub there: bool,
}

/// From one pair (change on training photos, change on held-out photos) for each training; `None` without any.
#[must_use]
pub fn by_heart(changes: &[(f64, f64)]) -> Option<ByHeart> {
    let all = || changes.iter().filter(|(t, h)| t.is_finite() && h.is_finite());
    let train = Estimate::of(all().map(|c| c.0))?;
    let held_out = Estimate::of(all().map(|c| c.1))?;
    let gap = Estimate::of(all().map(|c| c.0 - c.1))?;
    let fell = |e: &Estimate| e.high.unwrap_or(e.mean) < 0.0;
    let unseen = held_out.mean > UNSEEN * train.mean;
    Some(ByHeart { train, held_out, gap, there: fell(&train) && unseen && fell(&gap) })
}
