//! What would settle it: how many repeats tell two conditions apart.

use serde::Serialize;

use super::differences::{Call, Difference};
use super::enough::TENTH;
use super::power::power;
use super::student::two_sided_quantile;

/// Above so many repeats a difference does not matter in practice.
const MOST_REPEATS: usize = 30;
/// The chance of a clear answer that is asked for.
const WANTED: f64 = 0.8;

/// The best condition and the nearest one that it cannot be told from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settle {
    /// The best condition.
    pub best: usize,
    /// The other.
    pub other: usize,
    /// The difference to be seen: the one observed, or a tenth of the span if that is larger.
    pub difference: f64,
    /// Half the width of the 95 % interval today.
    pub half_width: f64,
    /// The chance to see such a difference with the repeats of today.
    pub power: f64,
    /// The number of repeats, those of today included, with which the chance is 80 %; `None` above 30.
    pub repeats: Option<usize>,
}

/// `differences` are all pairs of the `conditions` that have scores, over `repeats` repeats; `compared_at_once` is the
/// number of comparisons that were corrected together.
pub(super) fn settle(
    differences: &[Difference],
    best: usize,
    (conditions, repeats): (usize, usize),
    compared_at_once: usize,
    span: Option<f64>,
) -> Option<Settle> {
    let open = differences.iter().filter(|d| d.call_for(best) == Some(Call::NotClear));
    let d = open.min_by(|a, b| a.estimate.abs().total_cmp(&b.estimate.abs()))?;
    let (se, df) = d.se.zip(d.df)?;
    let wanted = d.estimate.abs().max(span.map_or(0.0, |span| TENTH * span));
    // The first step of Holm's correction: the chance is a little larger than this if other pairs are clear.
    let alpha = 0.05 / compared_at_once as f64;
    let chance =
        |r: usize| power(wanted / (se * (repeats as f64 / r as f64).sqrt()), (conditions - 1) * (r - 1), alpha);
    Some(Settle {
        best,
        other: if d.first == best { d.second } else { d.first },
        difference: wanted,
        half_width: two_sided_quantile(0.05, df as f64) * se,
        power: power(wanted / se, df, alpha),
        repeats: fewest(repeats + 1, |r| chance(r) >= WANTED),
    })
}

/// The smallest number of repeats from `low` on that is enough, if 30 are; more repeats are never worse.
fn fewest(mut low: usize, is_enough: impl Fn(usize) -> bool) -> Option<usize> {
    let mut high = MOST_REPEATS;
    if low > high || !is_enough(high) {
        return None;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if is_enough(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}
