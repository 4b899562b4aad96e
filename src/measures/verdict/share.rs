//! Where a score stands between floor and ceiling. The interval of ceiling − floor comes with the measure itself.

/// From this share on, the base model knows the subject by its name.
pub const KNOWN: f64 = 0.75;

/// Where a score stands between floor (0) and ceiling (1); `None` if they are equal.
#[must_use]
pub fn share(score: f64, floor: f64, ceiling: f64) -> Option<f64> {
    let share = (score - floor) / (ceiling - floor);
    share.is_finite().then_some(share)
}
