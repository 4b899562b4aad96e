//! What a race did in a study.

use serde::{Deserialize, Serialize};

/// What a race did in a study.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Race {
    /// What trainings are compared by; empty: their loss on held-out photos.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub measure: String,
    /// How many rungs there are.
    pub rungs: usize,
    /// At how many of them something was decided so far.
    pub decided: usize,
    /// The optimizer steps of all trainings if nothing is stopped.
    pub steps: u64,
    /// The steps that are not made because of the race.
    pub saved: u64,
    /// The largest corrected p-value by which a condition is stopped.
    pub level: f64,
    /// Whether trainings could not be compared at some rung, because they are not measured on the same photos.
    pub incomparable: bool,
    /// Conditions that were stopped.
    pub stopped: Vec<RaceStop>,
    /// Conditions that were clearly behind and went on, in a sentence each.
    pub kept: Vec<String>,
}

/// A condition that was stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RaceStop {
    /// Its settings, e.g. `train.learning_rate=1e-5`.
    pub condition: String,
    /// The step at which its trainings were compared.
    pub step: u64,
    /// All steps of one of its trainings.
    pub steps: u64,
    /// How many trainings it has.
    pub trainings: usize,
    /// How many of them are finished all the same.
    pub finished: usize,
    /// The settings of the condition that was best then.
    pub best: String,
    /// How much its loss was above that of the best one.
    pub behind: f64,
    /// The 95 % interval of this difference alone.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// Its corrected p-value.
    pub p: f64,
}
