//! Who takes part in a race.

use std::collections::BTreeMap;

use crate::choice::RaceMeasure;
use crate::experiment::{Settings, label};
use crate::stage::{ByStage, Key, Stage};

/// Seeds repeat a condition; they are no part of it.
const REPEATS: [&str; 2] = ["train.seed", "dataset.seed"];

/// The trainings of a study, by condition and repeat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    /// How many rungs there are.
    pub rungs: usize,
    /// Whether the last condition of a swept value may be stopped.
    pub stop_values: bool,
    /// By what conditions are compared.
    pub measure: RaceMeasure,
    /// All trainings, each once.
    pub entrants: Vec<Entrant>,
    /// The swept settings of each condition, seeds left out, as text by dotted name.
    pub conditions: Vec<BTreeMap<String, String>>,
    /// How many repeats there are.
    pub repeats: usize,
}

/// One training.
#[derive(Clone, Debug, PartialEq)]
pub struct Entrant {
    /// Index of its job in the plan.
    pub job: usize,
    /// Names its result.
    pub key: Key,
    /// Index of its condition.
    pub condition: usize,
    /// Index of its repeat: trainings of one repeat have the same seeds.
    pub repeat: usize,
    /// All its optimizer steps.
    pub steps: u64,
    /// The step of each rung.
    pub rungs: Vec<u64>,
}

/// A cell as the field sees it.
pub(in crate::plan) struct Runner<'a> {
    pub(in crate::plan) assignments: &'a [(String, toml::Value)],
    pub(in crate::plan) settings: &'a Settings,
    pub(in crate::plan) jobs: &'a ByStage<usize>,
}

impl Field {
    /// The field of a plan's cells; `None` without a race.
    pub(in crate::plan) fn of<'a>(
        cells: impl Iterator<Item = Runner<'a>>,
        key: impl Fn(usize) -> &'a Key,
    ) -> Option<Self> {
        let mut field = Self::default();
        let mut repeats: Vec<Vec<(String, String)>> = Vec::new();
        for cell in cells {
            let race = cell.settings.race.as_ref()?;
            (field.rungs, field.stop_values, field.measure) = (race.rungs.len(), race.stop_values, race.measure);
            let Some(&index) = cell.jobs.one(Stage::Train) else { continue };
            // Cells that share a training differ in what does not matter for it.
            if field.entrants.iter().any(|entrant| entrant.job == index) {
                continue;
            }
            let text = |(key, value): &(String, toml::Value)| (key.clone(), label(value));
            let (seeds, own): (Vec<_>, Vec<_>) =
                cell.assignments.iter().map(text).partition(|(key, _)| REPEATS.contains(&key.as_str()));
            let own: BTreeMap<String, String> = own.into_iter().filter(|(key, _)| is_trained(key)).collect();
            let condition = place(&mut field.conditions, own);
            let repeat = place(&mut repeats, seeds);
            let steps = cell.settings.train.recipe.steps as u64;
            let rungs = race.rungs.iter().map(|step| *step as u64).collect();
            field.entrants.push(Entrant { job: index, key: key(index).clone(), condition, repeat, steps, rungs });
        }
        field.repeats = repeats.len();
        (!field.entrants.is_empty()).then_some(field)
    }

    /// What people call a condition: `dataset.size=5 train.rank=4`.
    #[must_use]
    pub fn title(&self, condition: usize) -> String {
        let parts: Vec<String> =
            self.conditions[condition].iter().map(|(key, value)| format!("{key}={value}")).collect();
        if parts.is_empty() { "all cells".to_owned() } else { parts.join(" ") }
    }

    /// The indices of the trainings of a condition.
    pub fn of_condition(&self, condition: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.entrants.len()).filter(move |e| self.entrants[*e].condition == condition)
    }

    /// The training that a job makes.
    #[must_use]
    pub fn entrant(&self, job: usize) -> Option<usize> {
        self.entrants.iter().position(|entrant| entrant.job == job)
    }

    /// Why no rung can stop anything, whatever the trainings show; `None` if one can.
    #[must_use]
    pub fn cannot_stop(&self) -> Option<String> {
        if self.conditions.len() < 2 {
            return Some("there is one condition, so a race has nothing to compare".to_owned());
        }
        if self.repeats < 2 {
            let text = "the race stops nothing: with one training of each condition nobody knows how much chance does; \
                        sweep `train.seed`, e.g. `train.seed = [0, 1, 2]`";
            return Some(text.to_owned());
        }
        let all: Vec<usize> = (0..self.conditions.len()).collect();
        if all.iter().all(|c| self.guarded(*c, &all).is_some()) {
            let text = "the race stops nothing: every condition is the only one of a swept value; \
                        `race.stop_values = true` lets it stop them";
            return Some(text.to_owned());
        }
        None
    }

    /// The swept value that no other of these conditions has, e.g. `dataset.size=5`; `None` if there is none, or if
    /// that does not matter.
    pub(super) fn guarded(&self, condition: usize, alive: &[usize]) -> Option<String> {
        if self.stop_values {
            return None;
        }
        let only = |(key, value): &(&String, &String)| {
            alive.iter().filter(|c| **c != condition).all(|c| self.conditions[*c].get(*key) != Some(*value))
        };
        // A setting that only some conditions have (`[[cells]]`) is a value like any other.
        self.conditions[condition].iter().find(only).map(|(key, value)| format!("{key}={value}"))
    }
}

/// Whether a setting can have to do with the training.
fn is_trained(key: &str) -> bool {
    !key.starts_with("generate.") && key != "evaluate.drift_prompts"
}

/// The index of an item, which is added if it is new.
fn place<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    all.iter().position(|other| *other == one).unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}
