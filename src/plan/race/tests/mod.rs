//! The rule of the race: laws, and how often it is right on made-up studies of which the truth is known.

mod resampled;
mod rule;
mod simulated;

use std::collections::BTreeMap;

use super::field::{Entrant, Field};
use super::{Course, Curve, Decision, Progress, decide};
use crate::choice::RaceMeasure;
use crate::measures::verdict::{Axis, Condition, Direction, Study, Verdict, judge_pairs};
use crate::stage::{KeyInputs, Stage};

/// A field of these conditions, each trained with so many seeds.
fn field(conditions: &[&[(&str, &str)]], repeats: usize, steps: u64, rungs: &[u64]) -> Field {
    let own = |of: &&[(&str, &str)]| -> BTreeMap<String, String> {
        of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let entrants = (0..conditions.len() * repeats).map(|i| Entrant {
        job: i,
        key: KeyInputs::new().with("training", i).key(Stage::Train),
        condition: i / repeats,
        repeat: i % repeats,
        steps,
        rungs: rungs.to_vec(),
    });
    Field {
        rungs: rungs.len(),
        stop_values: false,
        measure: RaceMeasure::HeldOutLoss,
        entrants: entrants.collect(),
        conditions: conditions.iter().map(own).collect(),
        repeats,
    }
}

/// A normal number (Box and Muller).
fn normal(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

/// What the whole grid says at the end, of the conditions that are wanted.
fn verdict(field: &Field, curves: &[Curve], wanted: &[usize]) -> Verdict {
    let row = |c: usize, of: fn(&Progress) -> f64| -> Vec<Option<f64>> {
        let own = |r: usize| field.of_condition(c).find(|e| field.entrants[*e].repeat == r);
        let at_end = |e: usize| curves[e].at(field.entrants[e].steps, field.entrants[e].steps);
        (0..field.repeats).map(|r| at_end(own(r)?).as_ref().map(of)).collect()
    };
    let condition = |(level, c): (usize, &usize)| Condition {
        scores: row(*c, |p| p.at),
        floor: row(*c, |p| p.base),
        diverged: 0,
        levels: vec![level],
    };
    judge_pairs(&Study {
        direction: Direction::Lower,
        conditions: wanted.iter().enumerate().map(condition).collect(),
        axes: vec![Axis { sizes: Vec::new(), levels: wanted.len() }],
        span: None,
    })
}

/// A whole race without a store: every training shows its curve. Returns the course and the steps that were made.
fn run(field: &Field, curves: &[Curve]) -> (Course, u64) {
    let mut course = Course::default();
    while let Some(rung) = course.next_rung(field) {
        let alive = course.alive(field);
        let shown: Vec<_> =
            field.entrants.iter().zip(curves).map(|(e, curve)| curve.at(e.rungs[rung], e.steps)).collect();
        course.decisions.push(decide(field, rung, &alive, &shown));
    }
    let made = |entrant: &Entrant| {
        course.stopped_at(entrant.condition).map_or(entrant.steps, |d: &Decision| entrant.rungs[d.rung])
    };
    let steps = field.entrants.iter().map(made).sum();
    (course, steps)
}
