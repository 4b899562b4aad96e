//! Where a condition stands against the best one, as far as the verdict tells.

use crate::measures::verdict::{Call, Method};

use super::judged::Judged;

/// Where a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Clearly better than every other condition.
    Best,
    /// It cannot be told from the best one, or is the best one without being clearly so.
    AmongBest,
    /// Clearly worse than the best one.
    Worse,
}

impl Standing {
    /// As a table says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::AmongBest => "among the best",
            Self::Worse => "worse than the best",
        }
    }
}

/// Where a condition stands; `None` where nothing may be called better.
pub(crate) fn standing(judged: &Judged<'_>, condition: usize) -> Option<Standing> {
    let v = &judged.verdict;
    let best = v.best?;
    let known = judged.comparable && v.method == Method::Pooled;
    if !known || v.conditions.get(condition)?.n == 0 || none_told_apart(judged) {
        return None;
    }
    Some(match (condition == best && v.best_is_clear, like_best(judged, condition)) {
        (true, _) => Standing::Best,
        (false, true) => Standing::AmongBest,
        (false, false) => Standing::Worse,
    })
}

/// Whether no condition can be told from the best one: then a mark on each would say nothing.
pub(crate) fn none_told_apart(judged: &Judged<'_>) -> bool {
    let scored = judged.scored();
    judged.comparable && judged.verdict.method == Method::Pooled && scored.iter().all(|c| like_best(judged, *c))
}

/// Whether a condition is the best one or cannot be told from it.
pub(super) fn like_best(judged: &Judged<'_>, condition: usize) -> bool {
    let v = &judged.verdict;
    v.best.is_some_and(|best| {
        condition == best
            || v.differences.iter().any(|d| {
                (d.first == condition || d.second == condition)
                    && matches!(d.call_for(best), Some(Call::NotClear | Call::Unknown))
            })
    })
}
