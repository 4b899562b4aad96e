//! Several axes: the effect of each, averaged over the others, and which of them depend on each other.

use serde::Serialize;

use super::comparison::Comparison;
use super::differences::{Call, Difference, difference};
use super::holm::holm;
use super::study::{Direction, Study};

/// What the axes of a complete grid do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Axes {
    /// One entry for each axis.
    pub effects: Vec<AxisEffect>,
    /// Pairs of axes of which one turns the order of two values of the other.
    pub interactions: Vec<Interaction>,
}

/// One axis, averaged over the values of the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AxisEffect {
    /// Index of the axis.
    pub axis: usize,
    /// All pairs of its values; `first` and `second` are indices of values. Corrected for the pairs of this axis.
    pub differences: Vec<LevelDifference>,
    /// The largest difference between two of its values.
    pub range: f64,
}

/// Two values of one axis.
pub type LevelDifference = Difference;

/// Two axes that depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interaction {
    /// The axis whose order is turned, and the two values of it.
    pub axis: usize,
    /// Values of that axis.
    pub values: [usize; 2],
    /// The axis that turns it, and the two values of it.
    pub by: usize,
    /// Values of the turning axis.
    pub by_values: [usize; 2],
    /// The difference of the two values at the first and at the second value of the turning axis.
    pub at: [f64; 2],
    /// The chance of such a change of the difference, corrected for all such questions (Holm).
    pub p_holm: f64,
}

/// The conditions with a value of an axis, each with the same weight; `None` if a combination is missing or double.
pub(super) fn level_weights(study: &Study, axis: usize) -> Option<Vec<Vec<f64>>> {
    complete(study).then(|| (0..study.axes[axis].levels).map(|level| weights(study, &[(axis, level)])).collect())
}

/// The mean of the conditions that have these values.
fn weights(study: &Study, values: &[(usize, usize)]) -> Vec<f64> {
    let has = |c: usize| values.iter().all(|(axis, level)| study.conditions[c].levels[*axis] == *level);
    let count = (0..study.conditions.len()).filter(|c| has(*c)).count() as f64;
    (0..study.conditions.len()).map(|c| if has(c) { 1.0 / count } else { 0.0 }).collect()
}

/// Whether every combination of values is there exactly once.
fn complete(study: &Study) -> bool {
    let mut all: Vec<&Vec<usize>> = study.conditions.iter().map(|c| &c.levels).collect();
    all.sort();
    all.dedup();
    let fits = |levels: &Vec<usize>| {
        levels.len() == study.axes.len() && levels.iter().zip(&study.axes).all(|(level, axis)| *level < axis.levels)
    };
    let combinations: usize = study.axes.iter().map(|axis| axis.levels).product();
    all.len() == study.conditions.len() && all.len() == combinations && all.iter().all(|levels| fits(levels))
}

/// `None` with fewer than two axes or without a complete grid.
pub(super) fn axes(comparison: &Comparison, study: &Study) -> Option<Axes> {
    if study.axes.len() < 2 || !complete(study) {
        return None;
    }
    let effects = (0..study.axes.len()).map(|axis| effect(comparison, study, axis)).collect::<Option<Vec<_>>>()?;
    Some(Axes { effects, interactions: interactions(comparison, study, study.direction) })
}

fn effect(comparison: &Comparison, study: &Study, axis: usize) -> Option<AxisEffect> {
    let levels: Vec<Vec<f64>> = (0..study.axes[axis].levels).map(|level| weights(study, &[(axis, level)])).collect();
    let mut differences = Vec::new();
    for first in 0..levels.len() {
        for second in first + 1..levels.len() {
            differences.push(difference(comparison, first, second, &minus(&levels[first], &levels[second]))?);
        }
    }
    let p: Vec<f64> = differences.iter().filter_map(|d| d.p).collect();
    for (d, p) in differences.iter_mut().filter(|d| d.p.is_some()).zip(holm(&p)) {
        d.p_holm = Some(p);
        d.call = Call::of(d.estimate, d.p_holm, study.direction);
    }
    let range = differences.iter().map(|d| d.estimate.abs()).fold(0.0, f64::max);
    Some(AxisEffect { axis, differences, range })
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// For each two axes the clearest turn of an order: two values of one axis whose difference has another sign at two
/// values of the other, by a change of the difference that chance does not make.
fn interactions(comparison: &Comparison, study: &Study, direction: Direction) -> Vec<Interaction> {
    let pairs = |n: usize| (0..n).flat_map(move |a| (a + 1..n).map(move |b| [a, b]));
    let mut all = Vec::new();
    for [axis, by] in pairs(study.axes.len()) {
        for values in pairs(study.axes[axis].levels) {
            for by_values in pairs(study.axes[by].levels) {
                let at = by_values.map(|b| {
                    let [first, second] = values.map(|v| weights(study, &[(axis, v), (by, b)]));
                    minus(&first, &second)
                });
                let change = difference(comparison, 0, 1, &minus(&at[0], &at[1]));
                let [first, second] = at.map(|w| comparison.contrast(&w).map(|c| c.estimate * direction.sign()));
                let (Some(p), Some(first), Some(second)) = (change.and_then(|c| c.p), first, second) else { continue };
                all.push(Interaction { axis, values, by, by_values, at: [first, second], p_holm: p });
            }
        }
    }
    let corrected = holm(&all.iter().map(|i| i.p_holm).collect::<Vec<_>>());
    all.iter_mut().zip(corrected).for_each(|(i, p)| i.p_holm = p);
    all.retain(|i| i.p_holm <= 0.05 && i.at[0] * i.at[1] < 0.0);
    all.sort_by(|a, b| a.p_holm.total_cmp(&b.p_holm));
    let mut named: Vec<Interaction> = Vec::new();
    for interaction in all {
        if named.iter().all(|n| (n.axis, n.by) != (interaction.axis, interaction.by)) {
            named.push(interaction);
        }
    }
    named
}
