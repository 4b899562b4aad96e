//! What the rule does and does not do.

use super::super::{Curve, Decision, Field, KeptBecause, Progress, decide};
use super::{field, run};

const AXIS: [&[(&str, &str)]; 4] = [
    &[("train.rank", "4"), ("train.steps", "a")],
    &[("train.rank", "8"), ("train.steps", "a")],
    &[("train.rank", "4"), ("train.steps", "b")],
    &[("train.rank", "8"), ("train.steps", "b")],
];

/// What trainings show whose losses at the rung are these, by condition; repeats differ a little.
fn shown(field: &Field, losses: &[f64]) -> Vec<Option<Progress>> {
    let one = |e: &super::super::Entrant| {
        let noise = 0.001 * ((e.condition * 7 + e.repeat * 5) % 3) as f64 + 0.01 * e.repeat as f64;
        let at = losses[e.condition] + noise;
        Some(Progress { base: 1.0, before: at + 0.05, at, projected: at })
    };
    field.entrants.iter().map(one).collect()
}

fn stopped(decision: &Decision) -> Vec<usize> {
    decision.stopped.iter().map(|s| s.condition).collect()
}

#[test]
fn what_clearly_loses_is_stopped_but_not_the_last_of_a_value() {
    let all = [0, 1, 2, 3];
    let mut study = field(&AXIS, 3, 400, &[100]);
    let decision = decide(&study, 0, &all, &shown(&study, &[0.5, 0.9, 0.7, 0.8]));
    assert_eq!((decision.comparable, decision.best), (true, Some(0)));
    // The worst first: 1 and 3 are all of rank 8, so the better of the two stays; then 2 is the only other one of b.
    assert_eq!(stopped(&decision), [1, 2]);
    let because = |c: usize| decision.kept.iter().find(|k| k.condition == c).map(|k| k.because.clone());
    assert_eq!(because(3), Some(KeptBecause::OnlyOneOf("train.rank=8".into())));
    let one = &decision.stopped[0];
    assert!((one.behind - 0.4).abs() < 0.01 && one.p <= decision.level && one.low.unwrap() > 0.3, "{one:?}");
    assert!((decision.level - 0.05).abs() < 1e-12);
    // Asked to, it stops all that clearly lose; the best one always goes on.
    study.stop_values = true;
    assert_eq!(stopped(&decide(&study, 0, &all, &shown(&study, &[0.5, 0.9, 0.7, 0.8]))), [1, 3, 2]);
    // What left the race does not come back, and does not count.
    assert_eq!(stopped(&decide(&study, 0, &[0, 2], &shown(&study, &[0.5, 0.1, 0.7, 0.1]))), [2]);
    assert!(stopped(&decide(&study, 0, &[2], &shown(&study, &[0.5; 4]))).is_empty());
}

#[test]
fn with_one_axis_every_condition_is_the_last_of_its_value() {
    let sizes: [&[(&str, &str)]; 3] = [&[("dataset.size", "5")], &[("dataset.size", "15")], &[("dataset.size", "25")]];
    let mut study = field(&sizes, 3, 400, &[100]);
    assert!(study.cannot_stop().unwrap().contains("race.stop_values = true"));
    assert!(stopped(&decide(&study, 0, &[0, 1, 2], &shown(&study, &[0.5, 0.7, 0.9]))).is_empty());
    study.stop_values = true;
    assert_eq!(study.cannot_stop(), None);
    assert_eq!(stopped(&decide(&study, 0, &[0, 1, 2], &shown(&study, &[0.5, 0.7, 0.9]))), [2, 1]);
}

#[test]
fn one_seed_says_nothing_of_chance() {
    let study = field(&AXIS, 1, 400, &[100]);
    assert!(study.cannot_stop().unwrap().contains("train.seed"));
    let decision = decide(&study, 0, &[0, 1, 2, 3], &shown(&study, &[0.1, 0.9, 0.9, 0.9]));
    assert!(decision.stopped.is_empty() && decision.kept.is_empty());
}

#[test]
fn what_comes_nearer_quickly_goes_on() {
    let study = field(&AXIS, 3, 400, &[100]);
    let mut all = shown(&study, &[0.5, 0.9, 0.5, 0.5]);
    for (progress, entrant) in all.iter_mut().zip(&study.entrants) {
        if entrant.condition == 1 {
            progress.as_mut().unwrap().projected = 0.3;
        }
    }
    let decision = decide(&study, 0, &[0, 1, 2, 3], &all);
    assert!(decision.stopped.is_empty());
    assert_eq!(decision.kept[0].because, KeptBecause::CatchesUp);
}

#[test]
fn what_is_measured_otherwise_is_not_compared() {
    let study = field(&AXIS, 3, 400, &[100]);
    let mut all = shown(&study, &[0.5, 0.9, 0.7, 0.8]);
    all[3].as_mut().unwrap().base = 1.1;
    let decision = decide(&study, 0, &[0, 1, 2, 3], &all);
    assert!(!decision.comparable && decision.stopped.is_empty());
    // Where that condition is out of the race, the others are compared.
    assert!(decide(&study, 0, &[0, 2, 3], &all).comparable);
}

#[test]
fn failed_trainings_are_no_scores() {
    let study = field(&AXIS, 4, 400, &[100]);
    let whole = shown(&study, &[0.5, 0.9, 0.7, 0.8]);
    let mut some = whole.clone();
    (some[0], some[6]) = (None, None);
    let decision = decide(&study, 0, &[0, 1, 2, 3], &some);
    assert_eq!(stopped(&decision), stopped(&decide(&study, 0, &[0, 1, 2, 3], &whole)));
    assert_eq!(decision.shown.iter().filter(|(_, shown)| shown.is_none()).count(), 2);
    some[1].as_mut().unwrap().at = f64::NAN;
    assert!(decide(&study, 0, &[0, 1, 2, 3], &some).comparable);
    assert!(stopped(&decide(&study, 0, &[0, 1, 2, 3], &vec![None; 16])).is_empty());
}

#[test]
fn each_rung_makes_the_test_stricter_and_decides_once() {
    let study = field(&AXIS, 3, 400, &[50, 100, 200]);
    let curve = |loss: f64, repeat: usize, c: usize| {
        let noise = 0.01 * repeat as f64 + 0.001 * ((c * 7 + repeat * 5) % 3) as f64;
        let at = |step: u64| (step, 1.0 - (1.0 - loss) * (step as f64 / 400.0).sqrt() + noise * (step.min(1)) as f64);
        Curve::new([0, 25, 50, 100, 200, 400].map(at).to_vec())
    };
    let losses = [0.5, 0.9, 0.7, 0.8];
    let curves: Vec<Curve> = study.entrants.iter().map(|e| curve(losses[e.condition], e.repeat, e.condition)).collect();
    let (course, steps) = run(&study, &curves);
    assert_eq!(course.decisions.len(), 3);
    assert!((course.decisions[0].level - 0.05 / 3.0).abs() < 1e-12);
    assert_eq!(stopped(&course.decisions[0]), [1, 2]);
    assert_eq!(course.alive(&study), [0, 3]);
    assert_eq!(steps, 3 * (400 + 50 + 50 + 400));
    let why = course.why(&study, 3).unwrap();
    assert!(why.starts_with("stopped by the race at step 50 of 400") && why.contains("train.rank=4"), "{why}");
    assert_eq!(course.why(&study, 0), None);
    // A decision is the same after it was written down and read.
    for decision in &course.decisions {
        let text = serde_json::to_string(decision).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), *decision);
    }
}
