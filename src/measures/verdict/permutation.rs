//! Whether any condition differs: a permutation of the conditions inside each repeat.

use serde::Serialize;

use super::layout::Table;
use crate::measures::random::Random;

/// Up to so many relabellings are all tried.
const MOST: u64 = 100_000;
/// So many are drawn where there are more.
const DRAWN: u64 = 19_999;
/// The seed of the drawing.
const SEED: u64 = 20;

/// The answer of the permutation test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Omnibus {
    /// The share of relabellings that separate the conditions at least as well as the real labels.
    pub p: f64,
    /// The smallest value that `p` could take with so few trainings.
    pub smallest: f64,
    /// How many relabellings were tried; the real labels count as one of them.
    pub tried: u64,
    /// Whether these are all relabellings.
    pub exact: bool,
}

/// The scores of a repeat without their mean, and the conditions that they belong to.
struct Repeat {
    conditions: Vec<usize>,
    values: Vec<f64>,
}

/// Relabels the conditions inside each repeat. Statistic: `Σ_c n_c × (mean of condition c)²`, of scores without the
/// means of their repeats. `None` if nothing can be relabelled.
pub(super) fn permutation(table: &Table) -> Option<Omnibus> {
    let mut counts = vec![0.0; table.len()];
    let mut repeats = Vec::new();
    for r in 0..table.first().map_or(0, Vec::len) {
        let (conditions, scores): (Vec<usize>, Vec<f64>) =
            table.iter().enumerate().filter_map(|(c, row)| Some((c, row[r]?))).unzip();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        if conditions.len() > 1 {
            conditions.iter().for_each(|c| counts[*c] += 1.0);
            repeats.push(Repeat { conditions, values: scores.iter().map(|y| y - mean).collect() });
        }
    }
    // Scores of one repeat only can be relabelled as one likes and say nothing.
    if repeats.len() < 2 {
        return None;
    }
    let factorial = |n: usize| (1..=n as u64).try_fold(1u64, |all, k| all.checked_mul(k));
    let all = repeats.iter().try_fold(1u64, |all, r| all.checked_mul(factorial(r.values.len())?));
    let statistic =
        |sums: &[f64]| sums.iter().zip(&counts).filter(|(_, n)| **n > 0.0).map(|(s, n)| s * s / n).sum::<f64>();
    let observed = statistic(&sums(&repeats, table.len()));
    let scale: f64 = repeats.iter().flat_map(|r| &r.values).map(|v| v * v).sum();
    let close = 1e-9 * scale;
    let (mut as_good, mut best, mut at_best) = (0u64, f64::NEG_INFINITY, 0u64);
    if let Some(tried) = all.filter(|n| *n <= MOST) {
        let orders: Vec<Vec<Vec<f64>>> = repeats.iter().map(|r| orders(r, table.len())).collect();
        each(&orders, &vec![0.0; table.len()], &mut |sums| {
            let value = statistic(sums);
            as_good += u64::from(value >= observed - close);
            if value > best + close {
                (best, at_best) = (value, 1);
            } else {
                at_best += u64::from(value >= best - close);
            }
        });
        let share = |n: u64| n as f64 / tried as f64;
        return Some(Omnibus { p: share(as_good), smallest: share(at_best), tried, exact: true });
    }
    let mut random = Random::new(SEED);
    for _ in 0..DRAWN {
        repeats.iter_mut().for_each(|r| random.shuffle(&mut r.values));
        as_good += u64::from(statistic(&sums(&repeats, table.len())) >= observed - close);
    }
    let tried = DRAWN + 1;
    let share = |n: u64| n as f64 / tried as f64;
    Some(Omnibus { p: share(as_good + 1), smallest: share(1), tried, exact: false })
}

/// The sum of the values of each condition.
fn sums(repeats: &[Repeat], conditions: usize) -> Vec<f64> {
    let mut sums = vec![0.0; conditions];
    for repeat in repeats {
        repeat.conditions.iter().zip(&repeat.values).for_each(|(c, v)| sums[*c] += v);
    }
    sums
}

/// Every order of a repeat's values, as one value for each condition; 0 where a condition is not there.
fn orders(repeat: &Repeat, conditions: usize) -> Vec<Vec<f64>> {
    fn permute(values: &mut [f64], from: usize, visit: &mut impl FnMut(&[f64])) {
        if from + 1 >= values.len() {
            return visit(values);
        }
        for other in from..values.len() {
            values.swap(from, other);
            permute(values, from + 1, visit);
            values.swap(from, other);
        }
    }
    let mut all = Vec::new();
    permute(&mut repeat.values.clone(), 0, &mut |values| {
        let mut row = vec![0.0; conditions];
        repeat.conditions.iter().zip(values).for_each(|(c, v)| row[*c] = *v);
        all.push(row);
    });
    all
}

/// Calls `visit` with the sums of every combination of one order from each repeat.
fn each(orders: &[Vec<Vec<f64>>], sums: &[f64], visit: &mut impl FnMut(&[f64])) {
    let Some((first, rest)) = orders.split_first() else { return visit(sums) };
    let mut with = vec![0.0; sums.len()];
    for order in first {
        with.iter_mut().zip(sums.iter().zip(order)).for_each(|(to, (a, b))| *to = a + b);
        each(rest, &with, visit);
    }
}
