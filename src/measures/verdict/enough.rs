//! "How many photos are enough?"

use serde::Serialize;

use super::comparison::{Comparison, Method};
use super::study::Direction;

/// A size is enough if it is behind no other by more than this share of the span.
pub(super) const TENTH: f64 = 0.1;

/// The smallest size that is enough. Sizes are indices of the ordered axis' values, in ascending order of size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Enough {
    /// There are no ordered sizes, or fewer than two that can be compared.
    NotAsked,
    /// Nothing is known of chance.
    OneTraining,
    /// No span is known, or nothing was gained: there is nothing to take a tenth of.
    NoSpan,
    /// This size is enough.
    Size {
        /// The size.
        level: usize,
        /// The size that may be ahead of it the most.
        than: usize,
        /// By how much that one is ahead, as a share of the span.
        behind: f64,
        /// At most by how much (one-sided 95 % bound), as a share of the span.
        at_most: f64,
    },
    /// Only the largest size is, and the last step to it was a clear gain: more may help.
    MoreMayHelp {
        /// The largest size.
        level: usize,
    },
    /// It cannot be told with these trainings.
    NotClear,
}

/// `levels` are the weights of the conditions for each size, in ascending order of size. `last_step` says whether the
/// largest size is clearly better than the one before. `span` is positive.
pub(super) fn enough(
    comparison: &Comparison,
    levels: &[Vec<f64>],
    span: Option<f64>,
    last_step: bool,
    direction: Direction,
) -> Enough {
    if levels.len() < 2 {
        return Enough::NotAsked;
    }
    if comparison.method != Method::Pooled {
        return Enough::OneTraining;
    }
    let Some(span) = span.filter(|s| *s > 0.0) else { return Enough::NoSpan };
    // How far `than` is ahead of `level`, and the upper bound of that.
    let ahead = |than: usize, level: usize| {
        let weights: Vec<f64> = levels[than].iter().zip(&levels[level]).map(|(a, b)| a - b).collect();
        let contrast = comparison.contrast(&weights)?;
        let estimate = contrast.estimate * direction.sign();
        Some((estimate / span, (estimate + contrast.half_width(0.10)?) / span))
    };
    for level in 0..levels.len() {
        // Against every other size, so that it does not matter that the best one is picked by the scores.
        let others: Option<Vec<(usize, (f64, f64))>> =
            (0..levels.len()).filter(|o| *o != level).map(|other| Some((other, ahead(other, level)?))).collect();
        let most = others.and_then(|others| others.into_iter().max_by(|a, b| a.1.1.total_cmp(&b.1.1)));
        // A size that shares no repeat with another one cannot be called enough.
        let Some((than, (behind, at_most))) = most else { continue };
        if at_most <= TENTH {
            return match level + 1 == levels.len() {
                false => Enough::Size { level, than, behind, at_most },
                true if last_step => Enough::MoreMayHelp { level },
                true => Enough::NotClear,
            };
        }
    }
    Enough::NotClear
}
