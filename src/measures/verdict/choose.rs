//! What is chosen by a number is reported by another one.

use serde::Serialize;

use super::study::Direction;
use crate::measures::random::Random;

/// The seed of the halves.
const SEED: u64 = 8;
/// With fewer photos there are no halves.
pub const FEWEST: usize = 4;

/// A choice among candidates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// The candidate that all photos together choose.
    pub chosen: usize,
    /// What each half chooses.
    pub by_half: [usize; 2],
    /// What is reported: each half's choice, scored by the other half; the mean of both.
    pub reported: f64,
    /// The score of the choice by the photos that chose it. It is too good and stands here for comparison only.
    pub by_itself: f64,
    /// How many candidates there were.
    pub of: usize,
}

/// Two halves of `n` photos, each in ascending order; the first is the larger one.
#[must_use]
pub fn halves(n: usize) -> [Vec<usize>; 2] {
    let mut all: Vec<usize> = (0..n).collect();
    Random::new(SEED).shuffle(&mut all);
    let mut second = all.split_off(n.div_ceil(2));
    all.sort_unstable();
    second.sort_unstable();
    [all, second]
}

/// `scores[candidate][photo]`; all candidates are scored by the same photos. `None` with fewer than four photos,
/// without candidates, or if something is not a number.
#[must_use]
pub fn choose(scores: &[Vec<f64>], direction: Direction) -> Option<Choice> {
    let photos = scores.first()?.len();
    let whole = scores.iter().all(|row| row.len() == photos && row.iter().all(|v| v.is_finite()));
    if photos < FEWEST || !whole {
        return None;
    }
    let mean =
        |candidate: usize, half: &[usize]| half.iter().map(|h| scores[candidate][*h]).sum::<f64>() / half.len() as f64;
    let best = |half: &[usize]| {
        let value = |c: &usize| mean(*c, half) * direction.sign();
        // Of equal ones the first counts.
        (0..scores.len()).rev().max_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or(0)
    };
    let [a, b] = halves(photos);
    let all: Vec<usize> = (0..photos).collect();
    let (by_half, chosen) = ([best(&a), best(&b)], best(&all));
    let reported = 0.5 * (mean(by_half[0], &b) + mean(by_half[1], &a));
    Some(Choice { chosen, by_half, reported, by_itself: mean(chosen, &all), of: scores.len() })
}
