//! From the scores of a study to its verdict.

use serde::Serialize;

use super::axes::{Axes, axes, level_weights};
use super::comparison::{Comparison, Method};
use super::differences::{Call, Difference, difference, differences};
use super::enough::{Enough, enough};
use super::estimate::Estimate;
use super::gains::{Gain, gains};
use super::holm::{most_equal, step_down};
use super::permutation::{Omnibus, permutation};
use super::settle::{Settle, settle};
use super::study::{Condition, Study};
use super::trend::{Trend, trend};
use super::variances::Variances;

/// All that may be said of a study, as numbers and categories.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// How conditions were compared.
    pub method: Method,
    /// One entry for each condition.
    pub conditions: Vec<ConditionVerdict>,
    /// How much a training moves when it is repeated.
    pub noise: Option<Noise>,
    /// Whether some conditions vary more than others.
    pub variances: Option<Variances>,
    /// All pairs of conditions.
    pub differences: Vec<Difference>,
    /// Whether any condition differs.
    pub omnibus: Option<Omnibus>,
    /// The condition with the best score.
    pub best: Option<usize>,
    /// Whether it is clearly better than every other condition.
    pub best_is_clear: bool,
    /// The span that shares are taken of: ceiling − floor, or the gain of the best condition.
    pub span: Option<f64>,
    /// The axis that is asked "how many are enough?", if there is one.
    pub sizes: Option<usize>,
    /// Its values in ascending order of size.
    pub order: Vec<usize>,
    /// The answer; its sizes are places in `order`.
    pub enough: Enough,
    /// The change of the score with the size.
    pub trend: Option<Trend>,
    /// What each of several axes does.
    pub axes: Option<Axes>,
    /// What would tell the best condition from the nearest other one.
    pub settle: Option<Settle>,
}

/// The numbers of one condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionVerdict {
    /// Trainings with a score.
    pub n: usize,
    /// Trainings that diverged.
    pub diverged: usize,
    /// Mean score, over trainings.
    pub score: Option<Estimate>,
    /// Against the base model.
    pub gain: Option<Gain>,
    /// The gain as a share of the span, in the better direction.
    pub share: Option<f64>,
}

/// How much the score of a training moves when only its seeds change, the shift of a whole repeat taken out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Noise {
    /// Standard deviation.
    pub sd: f64,
    /// Degrees of freedom.
    pub df: usize,
}

/// Judges a study.
#[must_use]
pub fn judge(study: &Study) -> Verdict {
    Verdict { omnibus: permutation(&study.table()), ..judge_pairs(study) }
}

/// Everything but the permutation, which takes most of the time and which nothing else depends on.
#[must_use]
pub fn judge_pairs(study: &Study) -> Verdict {
    let table = study.table();
    let scores: Vec<Option<Estimate>> = table.iter().map(|row| Estimate::of(row.iter().copied().flatten())).collect();
    let comparison = Comparison::new(table);
    let mut differences = differences(&comparison, study.conditions.len());
    let best = best(study, &scores, &differences);
    let mut gains = gains(study, comparison.method);
    let compared_at_once = correct(&mut differences, &mut gains, study);
    // A gain that may be chance is nothing to take shares of.
    let gained = best.and_then(|b| gains[b]).filter(|g| matches!(g.call, Call::Better | Call::Unknown));
    let gained = gained.map(|g| g.change.mean * study.direction.sign());
    let span = study.span.or(gained).filter(|s| s.is_finite() && *s > 0.0);
    let compared = scores.iter().flatten().count();
    let (sizes, order) = sizes(study);
    let levels = sizes.and_then(|axis| level_weights(study, axis));
    let levels: Vec<Vec<f64>> = levels.map_or(Vec::new(), |w| order.iter().map(|i| w[*i].clone()).collect());
    let share = |gain: &Option<Gain>| Some(gain.as_ref()?.change.mean * study.direction.sign() / span?);
    let numbers: Vec<f64> = sizes.map_or(Vec::new(), |a| order.iter().map(|i| study.axes[a].sizes[*i]).collect());
    let last_step = last_step(&comparison, &levels, study);
    Verdict {
        method: comparison.method,
        noise: comparison.layout.variance.map(|v| Noise { sd: v.sqrt(), df: comparison.layout.df }),
        variances: comparison.variances,
        omnibus: None,
        best,
        best_is_clear: best.is_some_and(|b| clear(b, &differences, compared)),
        span,
        enough: enough(&comparison, &levels, span, last_step, study.direction),
        trend: trend(&comparison, &levels, &numbers),
        axes: axes(&comparison, study),
        settle: best.and_then(|b| settle(&differences, b, (compared, study.repeats()), compared_at_once, span)),
        conditions: (study.conditions.iter().zip(&scores).zip(&gains))
            .map(|((condition, score), gain)| ConditionVerdict {
                n: score.map_or(0, |s| s.n),
                diverged: condition.diverged,
                score: *score,
                gain: *gain,
                share: share(gain),
            })
            .collect(),
        differences,
        sizes,
        order,
    }
}

/// Corrects all comparisons together and says what may be said: all pairs of conditions, and each condition against the
/// base model. Which pairs a report speaks of (neighbours, each against the best) depends on the scores themselves, so
/// all of them count. Returns their number.
fn correct(differences: &mut [Difference], gains: &mut [Option<Gain>], study: &Study) -> usize {
    let pairs = differences.iter_mut().map(|d| (d.estimate, d.p, &mut d.p_holm, &mut d.call));
    let gains = gains.iter_mut().flatten().map(|g| (g.change.mean, g.p, &mut g.p_holm, &mut g.call));
    let all: Vec<_> = pairs.chain(gains).filter_map(|(estimate, p, to, call)| Some((estimate, p?, to, call))).collect();
    let count = all.len();
    let most_true = most_true(study, count);
    let corrected = step_down(&all.iter().map(|(_, p, _, _)| *p).collect::<Vec<_>>(), &most_true);
    for ((estimate, _, to, call), p) in all.into_iter().zip(corrected) {
        *to = Some(p);
        *call = Call::of(estimate, Some(p), study.direction);
    }
    count
}

/// How many of the comparisons can be of equal things, for each number of comparisons that are already told apart. If
/// the family is all pairs of the conditions and the base model, conditions that are told apart cannot both equal a
/// third one. This holds where all have the same repeats and, in each of them, the same base model's score.
fn most_true(study: &Study, comparisons: usize) -> Vec<usize> {
    let things = study.conditions.len() + 1;
    let complete = |c: &Condition| c.scores.iter().chain(&c.floor).all(|y| y.is_some_and(f64::is_finite));
    let same = study.conditions.iter().all(|c| complete(c) && c.floor == study.conditions[0].floor);
    let equal_length = study.conditions.iter().all(|c| c.scores.len() == study.repeats());
    if same && equal_length && comparisons == things * (things - 1) / 2 {
        most_equal(things)
    } else {
        (1..=comparisons).rev().collect()
    }
}

/// The condition that no other one is ahead of, inside the repeats; by the plain means where no two can be compared.
fn best(study: &Study, scores: &[Option<Estimate>], differences: &[Difference]) -> Option<usize> {
    let sign = study.direction.sign();
    // A condition's distance from the others that it can be compared with; the more others, the more it counts.
    let ahead = |c: usize| {
        let own = differences.iter().filter_map(|d| match c {
            c if c == d.first => Some(d.estimate * sign),
            c if c == d.second => Some(-d.estimate * sign),
            _ => None,
        });
        let own: Vec<f64> = own.collect();
        // Adding 0 makes −0 a 0, which counts as equal to others.
        (own.len(), own.iter().sum::<f64>() / own.len().max(1) as f64 + 0.0)
    };
    let with_score = (0..scores.len()).filter(|c| scores[*c].is_some());
    // Of equal ones the first counts.
    with_score.rev().max_by(|a, b| {
        let ((n, x), (m, y)) = (ahead(*a), ahead(*b));
        n.cmp(&m).then(x.total_cmp(&y))
    })
}

fn clear(best: usize, differences: &[Difference], compared: usize) -> bool {
    let calls: Vec<Call> = differences.iter().filter_map(|d| d.call_for(best)).collect();
    compared > 1 && calls.len() + 1 == compared && calls.iter().all(|call| *call == Call::Better)
}

/// The first axis of ordered sizes with the order of its values.
fn sizes(study: &Study) -> (Option<usize>, Vec<usize>) {
    let Some(axis) = study.axes.iter().position(|a| a.levels > 1 && a.sizes.len() == a.levels) else {
        return (None, Vec::new());
    };
    let mut order: Vec<usize> = (0..study.axes[axis].levels).collect();
    order.sort_by(|a, b| study.axes[axis].sizes[*a].total_cmp(&study.axes[axis].sizes[*b]));
    (Some(axis), order)
}

/// Whether the largest size is clearly better than the one before it, corrected for all pairs of sizes.
fn last_step(comparison: &Comparison, levels: &[Vec<f64>], study: &Study) -> bool {
    let [.., before, last] = levels else { return false };
    let weights: Vec<f64> = last.iter().zip(before).map(|(a, b)| a - b).collect();
    let step = difference(comparison, 0, 1, &weights);
    let pairs = levels.len() * (levels.len() - 1) / 2;
    let p = |d: &Difference| d.p.map(|p| p * pairs as f64);
    step.is_some_and(|d| Call::of(d.estimate, p(&d), study.direction) == Call::Better)
}
