//! How often the verdict is right, on made-up studies of which the truth is known. The results stand in
//! `docs/verdict.md`; `cargo test --release --lib verdict::tests::calibration -- --ignored --nocapture` prints them.

#![allow(clippy::print_stdout)]

use rayon::prelude::*;

use super::super::power::power;
use super::super::*;
use crate::measures::random::Random;

/// Studies for each line.
const STUDIES: usize = 10_000;
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

    fn draw(self, random: &mut Random, condition: usize) -> f64 {
        let z = random.normal();
        match self {
            Self::Normal => z,
            Self::HeavyTails => {
                let chi: f64 = (0..3).map(|_| random.normal().powi(2)).sum();
                z / chi.sqrt()
            }
            Self::Unequal if condition == 0 => z * (27.0f64 / 11.0).sqrt(),
            Self::Unequal => z * (3.0f64 / 11.0).sqrt(),
        }
    }
}

/// Sizes 5, 15 and 25, losses, lower is better. `effects[c]` is added to condition c.
fn study(shape: Shape, repeats: usize, effects: [f64; 3], span: Option<f64>, number: usize) -> Study {
    let mut random = Random::new(number as u64 * 1_000_003 + 17);
    let shifts: Vec<f64> = (0..repeats).map(|_| REPEAT * random.normal()).collect();
    let conditions = effects.iter().enumerate().map(|(c, effect)| Condition {
        scores: shifts.iter().map(|b| Some(BASE + effect + b + NOISE * shape.draw(&mut random, c))).collect(),
        floor: vec![Some(BASE); repeats],
        diverged: 0,
        levels: vec![c],
    });
    Study {
        direction: Direction::Lower,
        conditions: conditions.collect(),
        axes: vec![Axis { sizes: vec![5.0, 15.0, 25.0], levels: 3 }],
        span,
    }
}

/// The shares of studies of which something holds.
fn shares<const N: usize>(of: impl Fn(usize) -> Study + Sync, holds: [fn(&Verdict) -> f64; N]) -> [f64; N] {
    let add = |a: [f64; N], b: [f64; N]| std::array::from_fn(|i| a[i] + b[i]);
    let one = |number| {
        let verdict = judge(&of(number));
        holds.map(|holds| holds(&verdict))
    };
    (0..STUDIES).into_par_iter().map(one).reduce(|| [0.0; N], add).map(|sum| sum / STUDIES as f64)
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
    gains.iter().filter(|g| g.above(0.0) == Some(false) && g.below(0.0) == Some(false)).count() as f64 / 3.0
}

fn first_is_worse(v: &Verdict) -> f64 {
    f64::from(u8::from(v.differences.iter().any(|d| (d.first, d.second) == (0, 2) && d.call == Call::Worse)))
}

fn called_enough(v: &Verdict) -> f64 {
    f64::from(u8::from(matches!(v.enough, Enough::Size { level: 1, .. })))
}

#[test]
#[ignore = "some minutes; its results are in docs/verdict.md"]
fn nothing_is_called_where_nothing_is() {
    println!("| noise | repeats | something is called | intervals of differences hold | intervals of gains hold |");
    for shape in Shape::ALL {
        for repeats in [1, 2, 3, 6] {
            let of = |number| study(shape, repeats, [0.0; 3], None, number);
            let [rate, differences, gains] = shares(of, [any_call, covered, gains_covered]);
            if repeats == 1 {
                println!("| {shape:?} | 1 | {:.1} % | – | – |", 100.0 * rate);
                assert_eq!(rate, 0.0);
                continue;
            }
            let [differences, gains] = [differences, gains].map(|v| 100.0 * v);
            println!("| {shape:?} | {repeats} | {:.1} % | {differences:.1} % | {gains:.1} % |", 100.0 * rate);
            // With variances of 9:1:1 it is 6.2 % for three repeats, of which docs/verdict.md tells under "Limits".
            let most = if matches!(shape, Shape::Unequal) { 0.065 } else { 0.06 };
            assert!(rate <= most, "{shape:?} {repeats}: {rate}");
            assert!((92.5..=97.0).contains(&differences), "{shape:?} {repeats}: {differences}");
        }
    }
}

#[test]
#[ignore = "some minutes; its results are in docs/verdict.md"]
fn power_is_as_predicted() {
    println!("| effect / noise | repeats | predicted | called |");
    for (effect, repeats) in [(4.0, 2), (2.0, 3), (4.0, 3), (6.0, 3), (1.5, 6), (2.5, 6)] {
        // Six comparisons: three pairs, three against the base model.
        let predicted = power(effect / (2.0 / repeats as f64).sqrt(), 2 * (repeats - 1), 0.05 / 6.0);
        let of = |number| study(Shape::Normal, repeats, [effect * NOISE, 0.0, 0.0], None, number);
        let [found] = shares(of, [first_is_worse]);
        println!("| {effect} | {repeats} | {:.1} % | {:.1} % |", 100.0 * predicted, 100.0 * found);
    }
}

#[test]
#[ignore = "some minutes; its results are in docs/verdict.md"]
fn enough_is_rarely_said_of_what_is_not() {
    println!("| noise | repeats | 15 is behind by | called enough |");
    for shape in Shape::ALL {
        for (repeats, behind) in [(3, 0.1), (6, 0.1), (3, 0.0), (6, 0.0)] {
            let span = 10.0 * 2.0 * NOISE;
            let of = |number| study(shape, repeats, [10.0, behind * span, 0.0], Some(span), number);
            let [rate] = shares(of, [called_enough]);
            println!("| {shape:?} | {repeats} | {:.0} % of the span | {:.1} % |", 100.0 * behind, 100.0 * rate);
            assert!(behind < 0.1 || rate <= 0.06, "{shape:?} {repeats}: {rate}");
        }
    }
}
