//! What would settle it: a command, and what it would cost.

use crate::measures::verdict::Method;
use crate::report::axis;
use crate::report::words::quoted;
use crate::stage::Stage;

use super::judged::Judged;
use super::words;

/// With so many trainings of each condition chance can be seen well enough to begin.
const FIRST: usize = 3;

/// More repeats and the command for them.
struct Next {
    /// How many more of each condition.
    more: usize,
    command: String,
}

/// A sentence on what would settle what is open; `None` if nothing is open.
pub(super) fn note(judged: &Judged<'_>) -> Option<String> {
    let scored = judged.scored();
    if !judged.comparable || scored.is_empty() {
        return None;
    }
    match judged.verdict.method {
        Method::OneTraining if scored.len() > 1 => {
            let next = next(judged, FIRST);
            Some(format!("To see what chance does, train {FIRST} of each condition: `{}`", next.command))
        }
        Method::Pooled | Method::Paired => {
            let s = judged.verdict.settle.filter(|_| judged.few())?;
            let (a, b) = (judged.title(s.best), judged.title(s.other));
            Some(match s.repeats {
                Some(repeats) => {
                    let next = next(judged, repeats);
                    words::settle(a, b, next.more, &next.command)
                }
                None => words::never_settled(a, b),
            })
        }
        _ => None,
    }
}

/// The command that makes that many repeats of each condition.
fn next(judged: &Judged<'_>, repeats: usize) -> Next {
    let data = judged.data;
    // The seed that repeats are made by today, else the training's.
    let swept = data.axes.iter().find(|a| axis::is_repeat(&a.key));
    let key = swept.map_or("train.seed", |a| a.key.as_str());
    let own: Vec<u64> = match swept {
        Some(axis) => axis.values.iter().filter_map(|v| v.parse().ok()).collect(),
        None => data.cells.first().map(|c| c.train_seed).into_iter().collect(),
    };
    let more = repeats.saturating_sub(judged.repeats.len());
    let new = (0u64..).filter(|seed| !own.contains(seed)).take(more);
    let seeds: Vec<String> = own.iter().copied().chain(new).map(|seed| seed.to_string()).collect();
    Next { more, command: format!("runner {} --set 'sweep.{key}=[{}]'", quoted(&data.file), seeds.join(",")) }
}

/// How long the trainings that would settle it take, from what the finished ones took, in seconds. It stands on the
/// page of costs, because the others are the same however long the work took.
pub(crate) fn seconds(judged: &Judged<'_>) -> Option<f64> {
    note(judged)?;
    let repeats = match judged.verdict.settle {
        Some(settle) => settle.repeats?,
        None => FIRST,
    };
    let of_cells = [Stage::Train, Stage::Generate, Stage::Evaluate];
    let spent: f64 = judged.data.costs.iter().filter(|c| of_cells.contains(&c.stage)).map(|c| c.seconds).sum();
    let trainings: usize = judged.conditions.iter().map(|c| c.trainings.len()).sum();
    let wanted = next(judged, repeats).more * judged.scored().len();
    (trainings > 0 && spent > 0.0).then(|| spent / trainings as f64 * wanted as f64)
}
