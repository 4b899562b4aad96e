//! Which conditions are stopped at a rung. Pure arithmetic.

use super::curve::Progress;
use super::decision::{Decision, Kept, KeptBecause, Stopped};
use super::field::Field;
use crate::measures::verdict::{Axis, Condition, Difference, Direction, Estimate, Study, judge_pairs};

/// The chance that any condition is stopped in a study without differences, over all rungs together.
const LEVEL: f64 = 0.05;
/// A condition is behind at the end if it is by more than so many standard errors.
const SURE: f64 = 2.0;

/// Decides at a rung between the conditions that are still in the race. `shown` has one entry for each training of the
/// field; those of other conditions are passed over.
///
/// A condition is stopped if it is worse than the best one by the test of the report (`docs/verdict.md`), corrected for
/// all pairs and all rungs; unless it may be ahead at the end by what it gained with the last doubling of its steps;
/// and unless no other condition is left with one of its swept values (`race.stop_values`).
#[must_use]
pub fn decide(field: &Field, rung: usize, alive: &[usize], shown: &[Option<Progress>]) -> Decision {
    let cell = |c: usize, r: usize| {
        let own = field.of_condition(c).find(|e| field.entrants[*e].repeat == r)?;
        shown[own].filter(|p| [p.base, p.at, p.projected].iter().all(|v| v.is_finite()))
    };
    let row = |c: usize, of: fn(&Progress) -> f64| -> Vec<Option<f64>> {
        (0..field.repeats).map(|r| cell(c, r).as_ref().map(of)).collect()
    };
    let level = LEVEL / field.rungs.max(1) as f64;
    let own = |e: &usize| alive.contains(&field.entrants[*e].condition);
    let seen = (0..field.entrants.len()).filter(own).map(|e| (field.entrants[e].key.clone(), shown[e]));
    let mut decision = Decision {
        rung,
        shown: seen.collect(),
        comparable: comparable(field, alive, &cell),
        level,
        best: None,
        stopped: Vec::new(),
        kept: Vec::new(),
    };
    if !decision.comparable || alive.len() < 2 {
        return decision;
    }
    let condition = |(level, c): (usize, &usize)| Condition {
        scores: row(*c, |p| p.at),
        floor: row(*c, |p| p.base),
        diverged: 0,
        levels: vec![level],
    };
    let verdict = judge_pairs(&Study {
        direction: Direction::Lower,
        conditions: alive.iter().enumerate().map(condition).collect(),
        axes: vec![Axis { sizes: Vec::new(), levels: alive.len() }],
        span: None,
    });
    let Some(best) = verdict.best else { return decision };
    decision.best = Some(alive[best]);
    let mut behind: Vec<(usize, Stopped)> =
        verdict.differences.iter().filter_map(|d| stopped(d, best, level, alive)).collect();
    // The worst first, so that of several conditions of a value the best one stays.
    behind.sort_by(|(_, a), (_, b)| b.behind.total_cmp(&a.behind).then(a.condition.cmp(&b.condition)));
    let mut left = alive.to_vec();
    for (_, one) in behind {
        let condition = one.condition;
        let keep = |because| Kept { condition, because };
        if catches_up(field, condition, alive[best], &cell) {
            decision.kept.push(keep(KeptBecause::CatchesUp));
        } else if let Some(value) = field.guarded(condition, &left) {
            decision.kept.push(keep(KeptBecause::OnlyOneOf(value)));
        } else {
            left.retain(|c| *c != condition);
            decision.stopped.push(one);
        }
    }
    decision
}

/// The condition of a pair that is clearly behind the best one.
fn stopped(d: &Difference, best: usize, level: f64, alive: &[usize]) -> Option<(usize, Stopped)> {
    let (other, sign) = match best {
        b if b == d.first => (d.second, -1.0),
        b if b == d.second => (d.first, 1.0),
        _ => return None,
    };
    let (behind, p) = (d.estimate * sign, d.p_holm?);
    let ends = d.low.zip(d.high).map(|(low, high)| if sign < 0.0 { (-high, -low) } else { (low, high) });
    let one = Stopped { condition: alive[other], behind, low: ends.map(|e| e.0), high: ends.map(|e| e.1), p };
    (behind > 0.0 && p <= level).then_some((other, one))
}

/// Whether a condition may be ahead of the best one at the end: over the repeats that both have, its projected loss is
/// not above that of the best one by more than two standard errors.
fn catches_up(field: &Field, condition: usize, best: usize, cell: &dyn Fn(usize, usize) -> Option<Progress>) -> bool {
    let both = (0..field.repeats).filter_map(|r| cell(condition, r).zip(cell(best, r)));
    let gap = Estimate::of(both.map(|(own, other)| own.projected - other.projected));
    let sure = gap.and_then(|gap| Some(gap.mean - SURE * gap.sd? / (gap.n as f64).sqrt()));
    sure.is_none_or(|least| least <= 0.0)
}

/// Whether the base model's loss is the same in all conditions of a repeat: then all are measured on the same photos.
fn comparable(field: &Field, alive: &[usize], cell: &dyn Fn(usize, usize) -> Option<Progress>) -> bool {
    (0..field.repeats).all(|r| {
        let mut bases = alive.iter().filter_map(|c| Some(cell(*c, r)?.base));
        let Some(first) = bases.next() else { return true };
        bases.all(|base| (base - first).abs() <= 1e-6 * first.abs().max(base.abs()))
    })
}
