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
/// The studies of the file: name, conditions that are left out, and the rungs of the race. One learning rate of `rates`
/// is so high that its trainings end anywhere.
const MADE: [Made; 4] = [
    Made { name: "rates", without: Some("/0.012/"), rungs: &[12, 24, 48] },
    Made { name: "rates", without: None, rungs: &[12, 24, 48] },
    Made { name: "grid", without: None, rungs: &[6] },
    Made { name: "sizes", without: None, rungs: &[180] },
];

/// A study of the file.
struct Made {
    name: &'static str,
    without: Option<&'static str>,
    rungs: &'static [u64],
}

impl Made {
    fn title(&self) -> String {
        format!("{}{}", self.name, self.without.map(|left| format!(" without {left}")).unwrap_or_default())
    }
}

/// Repeats of a drawn study.
const REPEATS: usize = 4;

/// A study that was made: losses by condition, repeat and point of time.
struct Real {
    steps: Vec<u64>,
    losses: Vec<Vec<Vec<f64>>>,
}

impl Real {
    fn read(made: &Made) -> Self {
        let mut points: BTreeMap<(String, u64), Vec<(u64, f64)>> = BTreeMap::new();
        for line in CURVES.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let [name, condition, repeat, step, loss] = fields[..] else { panic!("{line}") };
            if name == made.name && made.without.is_none_or(|left| !condition.contains(left)) {
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
}

/// How many of the studies in which all conditions are alike stop anything, and how many name a winner.
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
/// makes at most half of the steps where its rungs are early. Too few are told apart where the noise is uneven or the
/// conditions are many.
#[test]
fn the_best_of_real_trainings_is_kept() {
    for made in MADE {
        let Outcome { told, kept, named, shares } = Outcome::of(&Real::read(&made), made.rungs, 0..STUDIES);
        let mean = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
        let most = shares.iter().copied().fold(0.0, f64::max);
        println!(
            "{}: {told} told apart, {kept} kept, {named} named; steps: {mean:.3}, at most {most:.3}",
            made.title()
        );
        if made.without.is_some() {
            assert!(told >= 20 && kept * 100 >= told * 95 && named * 100 >= told * 95, "{told} {kept} {named}");
            assert!(mean <= 0.5, "{mean}");
        }
    }
}

/// Where all conditions are alike, at most 5 % of the races name a winner. How many stop anything depends on how uneven
/// the noise of the conditions is; `docs/verdict.md` has the numbers.
#[test]
fn real_trainings_without_a_difference_have_no_winner() {
    for made in MADE {
        let [stopped, winner] = null(&Real::read(&made), made.rungs);
        println!("{}: {stopped} of {STUDIES} stopped something, {winner} named a winner", made.title());
        assert!(winner * 20 <= STUDIES, "{winner}");
        assert!(stopped * 100 <= 15 * STUDIES, "{stopped}");
    }
}

/// The studies as they were made: where the whole grid tells the best condition apart, the race keeps it.
#[test]
fn a_race_of_the_trainings_themselves() {
    for made in MADE {
        let real = Real::read(&made);
        let study = real.field(real.losses[0].len(), made.rungs);
        let all: Vec<usize> = (0..study.conditions.len()).collect();
        let grid = verdict(&study, &real.curves(), &all);
        let (course, steps) = run(&study, &real.curves());
        let (alive, whole) = (course.alive(&study), study.entrants.iter().map(|entrant| entrant.steps).sum::<u64>());
        let (title, clear) = (made.title(), grid.best_is_clear);
        println!("{title}: best {:?} (clear: {clear}), {} left, steps {steps} of {whole}", grid.best, alive.len());
        assert!(alive.contains(&grid.best.unwrap()), "{title}");
        assert_eq!(clear, made.without.is_some(), "{title}");
        assert!(!clear || steps * 2 <= whole, "{title}: {steps} of {whole}");
    }
}
