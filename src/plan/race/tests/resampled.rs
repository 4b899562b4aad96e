//! The race over studies that are made of real trainings: their held-out losses by step are in
//! `tests/golden/race/curves.csv`, with the script that took them from a store. `docs/verdict.md` has the numbers that
//! `cargo test --lib race::tests::resampled -- --nocapture` prints.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

use super::super::{Curve, Field};
use super::{field, normal, run, verdict};

const CURVES: &str = include_str!("../../../../tests/golden/race/curves.csv");
/// How many studies are drawn of each kind.
const STUDIES: u64 = 200;
/// The studies, and the rungs of their races.
const STUDIES_AND_RUNGS: [(&str, &[u64]); 2] = [("grid", &[6]), ("sizes", &[180])];
/// Repeats of a drawn study.
const REPEATS: usize = 4;

/// A study that was made: losses by condition, repeat and point of time.
struct Real {
    steps: Vec<u64>,
    losses: Vec<Vec<Vec<f64>>>,
}

impl Real {
    fn read(study: &str) -> Self {
        let mut points: BTreeMap<(String, u64), Vec<(u64, f64)>> = BTreeMap::new();
        for line in CURVES.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let [name, condition, repeat, step, loss] = fields[..] else { panic!("{line}") };
            if name == study {
                let own = points.entry((condition.to_owned(), repeat.parse().unwrap())).or_default();
                own.push((step.parse().unwrap(), loss.parse().unwrap()));
            }
        }
        let steps = points.values().next().expect("a known study").iter().map(|(step, _)| *step).collect();
        let mut by_condition: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
        for ((condition, _), curve) in points {
            by_condition.entry(condition).or_default().push(curve.into_iter().map(|(_, loss)| loss).collect());
        }
        Self { steps, losses: by_condition.into_values().collect() }
    }

    /// Mean of `losses[c][r][t]` over the conditions and repeats that are wanted.
    fn mean(&self, condition: Option<usize>, repeat: Option<usize>, t: usize) -> f64 {
        let conditions = self.losses.iter().enumerate().filter(|(c, _)| condition.is_none_or(|wanted| *c == wanted));
        let all = conditions.flat_map(|(_, repeats)| repeats.iter().enumerate());
        let own: Vec<f64> = all.filter(|(r, _)| repeat.is_none_or(|wanted| *r == wanted)).map(|(_, l)| l[t]).collect();
        own.iter().sum::<f64>() / own.len() as f64
    }

    /// The field of such a study, with these rungs. Conditions have one setting each, of which no value is alone.
    fn field(&self, repeats: usize, rungs: &[u64]) -> Field {
        let names: Vec<String> = (0..self.losses.len()).map(|c| c.to_string()).collect();
        let settings: Vec<[(&str, &str); 1]> =
            names.iter().map(|name| [("train.learning_rate", name.as_str())]).collect();
        let conditions: Vec<&[(&str, &str)]> = settings.iter().map(<[_; 1]>::as_slice).collect();
        Field { stop_values: true, ..field(&conditions, repeats, *self.steps.last().unwrap(), rungs) }
    }

    /// The trainings themselves.
    fn curves(&self) -> Vec<Curve> {
        let curve = |losses: &Vec<f64>| Curve::new(self.steps.iter().copied().zip(losses.iter().copied()).collect());
        self.losses.iter().flatten().map(curve).collect()
    }

    /// Trainings of a new study: the mean curve of each condition (of all of them, if `alike`), the shift of a repeat
    /// that was drawn, and what a training of the condition that was drawn differs by, both times a normal number (wild
    /// bootstrap, Wu 1986) and as wide as they are in the population. So curves keep their shape, and each condition
    /// keeps its own noise.
    fn draw(&self, alike: bool, random: &mut fastrand::Rng) -> Vec<Curve> {
        let (c, r) = (self.losses.len(), self.losses[0].len());
        let [cs, rs] = [c, r].map(|n| n as f64);
        let wide = (cs * rs / ((cs - 1.0) * (rs - 1.0))).sqrt();
        let wide_shift = (rs / (rs - 1.0)).sqrt();
        let mut drawn = |wide: f64| (random.usize(..r), wide * normal(random));
        let shifts: Vec<(usize, f64)> = (0..REPEATS).map(|_| drawn(wide_shift)).collect();
        let mut curves = Vec::new();
        for condition in 0..c {
            for (from, shift) in &shifts {
                let (own, times) = drawn(wide);
                let at = |t: usize| {
                    let (all, of_condition) = (self.mean(None, None, t), self.mean(Some(condition), None, t));
                    let residual = self.losses[condition][own][t] - of_condition - self.mean(None, Some(own), t) + all;
                    let mean = if alike { all } else { of_condition };
                    (self.steps[t], mean + shift * (self.mean(None, Some(*from), t) - all) + times * residual)
                };
                curves.push(Curve::new((0..self.steps.len()).map(at).collect()));
            }
        }
        curves
    }
}

/// What the race does in drawn studies.
#[derive(Debug, Default)]
struct Outcome {
    /// Studies in which the whole grid tells its best condition apart; of these: the best one is kept; the raced study
    /// names it; the share of the steps.
    told: u64,
    kept: u64,
    named: u64,
    shares: Vec<f64>,
}

impl Outcome {
    fn of(real: &Real, rungs: &[u64], seeds: std::ops::Range<u64>) -> Self {
        let study = real.field(REPEATS, rungs);
        let all: Vec<usize> = (0..study.conditions.len()).collect();
        let whole = study.entrants.iter().map(|entrant| entrant.steps).sum::<u64>() as f64;
        let mut outcome = Self::default();
        for seed in seeds {
            let curves = real.draw(false, &mut fastrand::Rng::with_seed(seed));
            let grid = verdict(&study, &curves, &all);
            let Some(best) = grid.best.filter(|_| grid.best_is_clear) else { continue };
            let (course, steps) = run(&study, &curves);
            let alive = course.alive(&study);
            let after = verdict(&study, &curves, &alive);
            outcome.told += 1;
            outcome.kept += u64::from(alive.contains(&best));
            outcome.named += u64::from(after.best.map(|b| alive[b]) == Some(best));
            outcome.shares.push(steps as f64 / whole);
        }
        outcome
    }

    fn mean_share(&self) -> f64 {
        self.shares.iter().sum::<f64>() / self.shares.len().max(1) as f64
    }
}

fn null(real: &Real, rungs: &[u64]) -> [u64; 2] {
    let study = real.field(REPEATS, rungs);
    let (mut stopped, mut winner) = (0, 0);
    for seed in 0..STUDIES {
        let curves = real.draw(true, &mut fastrand::Rng::with_seed(5_000 + seed));
        let (course, _) = run(&study, &curves);
        let alive = course.alive(&study);
        stopped += u64::from(alive.len() < study.conditions.len());
        winner += u64::from(verdict(&study, &curves, &alive).best_is_clear);
    }
    [stopped, winner]
}

/// Of the drawn studies in which the whole grid tells the best condition apart, the race keeps it in at least 95 %, and
/// makes at most half of the steps where its rungs are early.
#[test]
fn the_best_of_real_trainings_is_kept() {
    for (name, rungs) in STUDIES_AND_RUNGS {
        let real = Real::read(name);
        let outcome = Outcome::of(&real, rungs, 0..STUDIES);
        let Outcome { told, kept, named, .. } = outcome;
        let most = outcome.shares.iter().copied().fold(0.0, f64::max);
        let mean = outcome.mean_share();
        println!(
            "{name}: told apart {told} of {STUDIES}, kept {kept}, named {named}; steps: {mean:.3}, at most {most:.3}"
        );
    }
}

/// Where all conditions are alike, at most 5 % of the drawn studies stop anything or name a winner.
#[test]
fn real_trainings_without_a_difference_are_not_stopped() {
    for (name, rungs) in STUDIES_AND_RUNGS {
        let [stopped, winner] = null(&Real::read(name), rungs);
        println!("{name}: {stopped} of {STUDIES} stopped something, {winner} named a winner");
    }
}

/// The studies themselves, as they were made.
#[test]
fn the_real_studies_themselves() {
    for (name, rungs) in STUDIES_AND_RUNGS {
        let real = Real::read(name);
        let study = real.field(real.losses[0].len(), rungs);
        let all: Vec<usize> = (0..study.conditions.len()).collect();
        let grid = verdict(&study, &real.curves(), &all);
        let (course, steps) = run(&study, &real.curves());
        let alive = course.alive(&study);
        let whole = study.entrants.iter().map(|entrant| entrant.steps).sum::<u64>();
        println!(
            "{name}: best {:?} (clear: {}), left {alive:?}, steps {steps} of {whole}",
            grid.best, grid.best_is_clear
        );
    }
}
