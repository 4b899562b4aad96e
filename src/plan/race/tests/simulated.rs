//! Made-up studies of which the truth is known. `docs/verdict.md` has the numbers that
//! `cargo test --lib race::tests::simulated -- --nocapture` prints.

#![allow(clippy::print_stdout)]

use super::super::{Curve, Field};
use super::{field, normal, run, verdict};

const STEPS: u64 = 400;
const RUNGS: [u64; 3] = [50, 100, 200];
/// The demo's base model, and what its trainings vary by (`docs/verdict.md`).
const BASE: f64 = 0.37;
const NOISE: f64 = 0.0017;
const REPEAT: f64 = 0.0022;
const REPEATS: usize = 4;

/// Six learning rates: four values of one setting times two of another, less two, so that no value is alone.
const CONDITIONS: [&[(&str, &str)]; 8] = [
    &[("train.learning_rate", "1"), ("train.rank", "4")],
    &[("train.learning_rate", "1"), ("train.rank", "8")],
    &[("train.learning_rate", "2"), ("train.rank", "4")],
    &[("train.learning_rate", "2"), ("train.rank", "8")],
    &[("train.learning_rate", "3"), ("train.rank", "4")],
    &[("train.learning_rate", "3"), ("train.rank", "8")],
    &[("train.learning_rate", "4"), ("train.rank", "4")],
    &[("train.learning_rate", "4"), ("train.rank", "8")],
];

/// How the trainings of a condition go: the loss falls by `gain` with the time constant `tau`, in steps.
#[derive(Clone, Copy)]
struct Truth {
    gain: f64,
    tau: f64,
}

/// The curves of all trainings: shift of a repeat and noise of a training grow as the training goes on; the probe's own
/// noise is that of 10 timesteps.
fn curves(field: &Field, truth: &[Truth], random: &mut fastrand::Rng) -> Vec<Curve> {
    let shifts: Vec<f64> = (0..field.repeats).map(|_| REPEAT * normal(random)).collect();
    let mut curve = |e: &super::super::Entrant| {
        let Truth { gain, tau } = truth[e.condition];
        let own = NOISE * normal(random);
        let mut at = |step: u64| {
            let gone = 1.0 - (-(step as f64) / tau).exp();
            let probe = if step == 0 { 0.0 } else { 0.0003 * normal(random) };
            (step, BASE - (gain - shifts[e.repeat] - own) * gone + probe)
        };
        Curve::new([0, 25, 50, 100, 200, STEPS].map(&mut at).to_vec())
    };
    field.entrants.iter().map(&mut curve).collect()
}

/// A sweep as people make it: the rates differ by a factor, one of them is best, the neighbours are a tenth of the gain
/// behind and those far away more than half; a higher rank learns a little more; slow rates are slow.
fn sweep(random: &mut fastrand::Rng) -> Vec<Truth> {
    let best = random.f64() * 3.0;
    (0..8)
        .map(|c| {
            let (rate, rank) = ((c / 2) as f64, (c % 2) as f64);
            let off = (rate - best).abs();
            let gain = 0.06 * (-0.5 * off * off).exp() + 0.004 * rank * (0.5 + random.f64());
            Truth { gain, tau: 120.0 * (1.0 + 0.5 * (3.0 - rate)) * (0.8 + 0.4 * random.f64()) }
        })
        .collect()
}

/// Of 20 studies in which the whole grid tells the best condition apart, the race keeps it in at least 19, at no more
/// than half of the steps on average.
#[test]
fn the_best_condition_is_kept_at_half_of_the_steps() {
    let all: Vec<usize> = (0..CONDITIONS.len()).collect();
    let mut study = field(&CONDITIONS, REPEATS, STEPS, &RUNGS);
    study.stop_values = true;
    let whole = (study.entrants.len() as u64 * STEPS) as f64;
    let (mut told, mut kept, mut named, mut shares) = (0, 0, 0, Vec::new());
    for seed in 0.. {
        if told == 20 {
            break;
        }
        assert!(seed < 400, "too few studies tell their best condition apart");
        let mut random = fastrand::Rng::with_seed(seed);
        let curves = curves(&study, &sweep(&mut random), &mut random);
        let grid = verdict(&study, &curves, &all);
        let Some(best) = grid.best.filter(|_| grid.best_is_clear) else { continue };
        told += 1;
        let (course, steps) = run(&study, &curves);
        let alive = course.alive(&study);
        kept += usize::from(alive.contains(&best));
        let after = verdict(&study, &curves, &alive);
        named += usize::from(after.best.map(|b| alive[b]) == Some(best));
        shares.push(steps as f64 / whole);
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    let most = shares.iter().copied().fold(0.0, f64::max);
    println!("told apart {told}, best kept {kept}, named {named}; steps: mean {mean:.3}, at most {most:.3}");
    assert!(kept >= 19 && named >= 19, "kept {kept}, named {named} of {told}");
    assert!(mean <= 0.5, "{mean}");
}

/// Where nothing differs, at most 5 % of studies stop anything, and the race names no winner more often than the whole
/// grid does.
#[test]
fn without_a_difference_nothing_is_stopped() {
    const STUDIES: u64 = 400;
    let all: Vec<usize> = (0..CONDITIONS.len()).collect();
    for tau in [60.0, 250.0] {
        let mut study = field(&CONDITIONS, REPEATS, STEPS, &RUNGS);
        study.stop_values = true;
        let (mut stopped, mut winner) = (0, 0);
        for seed in 0..STUDIES {
            let mut random = fastrand::Rng::with_seed(7_000 + seed);
            let curves = curves(&study, &[Truth { gain: 0.05, tau }; 8], &mut random);
            let (course, _) = run(&study, &curves);
            let alive = course.alive(&study);
            stopped += usize::from(alive.len() < all.len());
            winner += usize::from(verdict(&study, &curves, &alive).best_is_clear);
        }
        println!("tau {tau}: {stopped} of {STUDIES} stopped something, {winner} named a winner");
        assert!(stopped as u64 * 20 <= STUDIES, "{stopped}");
        assert!(winner as u64 * 20 <= STUDIES, "{winner}");
    }
}

/// A condition that starts slowly and ends ahead is not stopped while it comes nearer.
#[test]
fn a_slow_winner_goes_on() {
    let all = [0, 1, 2, 3];
    let study = Field { stop_values: true, ..field(&CONDITIONS[..4], REPEATS, STEPS, &RUNGS) };
    let mut kept = 0;
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(900 + seed);
        let mut truth = [Truth { gain: 0.04, tau: 60.0 }; 4];
        truth[3] = Truth { gain: 0.09, tau: 250.0 };
        let curves = curves(&study, &truth, &mut random);
        let grid = verdict(&study, &curves, &all);
        assert!(grid.best == Some(3) && grid.best_is_clear, "the truth is seen by the whole grid");
        kept += usize::from(run(&study, &curves).0.alive(&study).contains(&3));
    }
    println!("slow winner kept {kept} of 20");
    assert!(kept >= 19, "{kept}");
}
