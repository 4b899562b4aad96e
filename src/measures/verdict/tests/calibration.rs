//! How often the verdict is right, on made-up studies of which the truth is known. The results stand in
//! `docs/verdict.md`; `cargo test --release --lib verdict::tests::calibration -- --ignored --nocapture` prints them.

#![allow(clippy::print_stdout)]

use rayon::prelude::*;

use super::super::judge::judge_pairs;
use super::super::power::power;
use super::super::*;
use crate::measures::random::Random;

/// Studies for each line, and the seed of their numbers.
const STUDIES: (usize, u64) = (10_000, 17);
/// The same with other numbers: what is asserted holds for these, too.
const OTHER_STUDIES: (usize, u64) = (20_000, 4_711);
/// What the trainings of the study `seeds` (report-review.md) vary by: noise of a training, shift of a repeat.
const NOISE: f64 = 0.0017;
const REPEAT: f64 = 0.0022;
const BASE: f64 = 0.2995;

/// How the noise of a training is distributed.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Normal.
    Normal,
    /// Student's t with 3 degrees of freedom, scaled to the same variance.
    HeavyTails,
    /// Normal; the first condition has 9 times the variance of the others, the mean variance is the same.
    Unequal,
}

impl Shape {
    const ALL: [Self; 3] = [Self::Normal, Self::HeavyTails, Self::Unequal];

    fn draw(self, random: &mut Random, condition: usize, conditions: usize) -> f64 {
        let z = random.normal();
        let mean_variance = (8.0 + conditions as f64) / conditions as f64;
        match self {
            Self::Normal => z,
            Self::HeavyTails => {
                let chi: f64 = (0..3).map(|_| random.normal().powi(2)).sum();
                z / chi.sqrt()
            }
            Self::Unequal if condition == 0 => z * (9.0 / mean_variance).sqrt(),
            Self::Unequal => z / mean_variance.sqrt(),
        }
    }
}

/// Sizes 5, 15, 25 and so on, losses, lower is better. `effects[c]` is added to condition c.
fn study(shape: Shape, repeats: usize, effects: &[f64], span: Option<f64>, number: u64) -> Study {
    let mut random = Random::new(number);
    let count = effects.len();
    let shifts: Vec<f64> = (0..repeats).map(|_| REPEAT * random.normal()).collect();
    let conditions = effects.iter().enumerate().map(|(c, effect)| Condition {
        scores: shifts.iter().map(|b| Some(BASE + effect + b + NOISE * shape.draw(&mut random, c, count))).collect(),
        floor: vec![Some(BASE); repeats],
        diverged: 0,
        levels: vec![c],
    });
    Study {
        direction: Direction::Lower,
        conditions: conditions.collect(),
        axes: vec![Axis { sizes: (0..count).map(|i| 5.0 + 10.0 * i as f64).collect(), levels: count }],
        span,
    }
}

/// The shares of studies of which something holds.
fn shares<const N: usize>(
    (studies, seed): (usize, u64),
    of: impl Fn(u64) -> Study + Sync,
    holds: [fn(&Verdict) -> f64; N],
) -> [f64; N] {
    let add = |a: [f64; N], b: [f64; N]| std::array::from_fn(|i| a[i] + b[i]);
    let one = |number: usize| {
        let verdict = judge_pairs(&of(number as u64 * 1_000_003 + seed));
        holds.map(|holds| holds(&verdict))
    };
    (0..studies).into_par_iter().map(one).reduce(|| [0.0; N], add).map(|sum| sum / studies as f64)
}

fn any_call(v: &Verdict) -> f64 {
    let called = |call: Call| matches!(call, Call::Better | Call::Worse);
    let pairs = v.differences.iter().any(|d| called(d.call));
    f64::from(u8::from(pairs || v.conditions.iter().filter_map(|c| c.gain).any(|g| called(g.call))))
}

/// The share of the intervals of differences that hold the truth, which is zero.
fn covered(v: &Verdict) -> f64 {
    let inside = |d: &&Difference| d.low.is_some_and(|low| low <= 0.0) && d.high.is_some_and(|high| high >= 0.0);
    v.differences.iter().filter(inside).count() as f64 / v.differences.len() as f64
}

fn gains_covered(v: &Verdict) -> f64 {
    let gains: Vec<Estimate> = v.conditions.iter().filter_map(|c| c.gain).map(|g| g.change).collect();
    gains.iter().filter(|g| g.above(0.0) == Some(false) && g.below(0.0) == Some(false)).count() as f64
        / gains.len() as f64
}

fn first_is_worse(v: &Verdict) -> f64 {
    let last = v.conditions.len() - 1;
    f64::from(u8::from(v.differences.iter().any(|d| (d.first, d.second) == (0, last) && d.call == Call::Worse)))
}

fn called_enough(v: &Verdict) -> f64 {
    f64::from(u8::from(matches!(v.enough, Enough::Size { level: 1, .. })))
}

#[test]
#[ignore = "some minutes; its results are in docs/verdict.md"]
fn nothing_is_called_where_nothing_is() {
    println!("| conditions | noise | repeats | called | intervals of differences hold | intervals of gains hold |");
    for (conditions, studies) in [(3, STUDIES), (5, STUDIES), (3, OTHER_STUDIES), (5, OTHER_STUDIES)] {
        for shape in Shape::ALL {
            for repeats in [1, 2, 3, 6] {
                let of = |number| study(shape, repeats, &vec![0.0; conditions], None, number);
                let [rate, differences, gains] = shares(studies, of, [any_call, covered, gains_covered]);
                let [called, differences, gains] = [rate, differences, gains].map(|v| 100.0 * v);
                let start = format!("| {conditions} | {shape:?} | {repeats} | {called:.1} %");
                if repeats == 1 {
                    println!("{start} | – | – |");
                    assert_eq!(rate, 0.0);
                    continue;
                }
                println!("{start} | {differences:.1} % | {gains:.1} % |");
                // With five conditions, of which one has 9 times the variance of the others, and three repeats it is
                // 6.2 %, of which docs/verdict.md tells under "Limits".
                let most = if conditions == 5 && matches!(shape, Shape::Unequal) { 0.065 } else { 0.06 };
                assert!(rate <= most, "{conditions} {shape:?} {repeats}: {rate}");
                assert!((92.5..=98.5).contains(&differences), "{conditions} {shape:?} {repeats}: {differences}");
            }
        }
    }
}

#[test]
#[ignore = "some minutes; its results are in docs/verdict.md"]
fn power_is_as_predicted() {
    println!("| conditions | effect / noise | repeats | predicted | called |");
    for conditions in [3, 5] {
        for (effect, repeats) in [(4.0, 2), (2.0, 3), (4.0, 3), (6.0, 3), (1.5, 6), (2.5, 6)] {
            // All pairs of the conditions and the base model.
            let comparisons = f64::from(conditions * (conditions + 1) / 2);
            let df = (conditions as usize - 1) * (repeats - 1);
            let predicted = power(effect / (2.0 / repeats as f64).sqrt(), df, 0.05 / comparisons);
            let mut effects = vec![0.0; conditions as usize];
            effects[0] = effect * NOISE;
            let of = |number| study(Shape::Normal, repeats, &effects, None, number);
            let [found] = shares(STUDIES, of, [first_is_worse]);
            println!("| {conditions} | {effect} | {repeats} | {:.1} % | {:.1} % |", 100.0 * predicted, 100.0 * found);
        }
    }
}

#[test]
#[ignore = "some minutes; its results are in docs/verdict.md"]
fn enough_is_rarely_said_of_what_is_not() {
    println!("| noise | repeats | 15 is behind by | called enough |");
    for shape in Shape::ALL {
        for (repeats, behind) in [(3, 0.1), (6, 0.1), (3, 0.0), (6, 0.0)] {
            let span = 10.0 * 2.0 * NOISE;
            let of = |number| study(shape, repeats, &[10.0, behind * span, 0.0], Some(span), number);
            let [rate] = shares(STUDIES, of, [called_enough]);
            println!("| {shape:?} | {repeats} | {:.0} % of the span | {:.1} % |", 100.0 * behind, 100.0 * rate);
            assert!(behind < 0.1 || rate <= 0.06, "{shape:?} {repeats}: {rate}");
        }
    }
}
