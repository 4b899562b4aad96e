//! A decision at a rung, as it is stored.

use serde::{Deserialize, Serialize};

use super::curve::Progress;
use super::field::Field;
use crate::choice::RaceMeasure;
use crate::stage::Key;
use crate::store::Store;

/// Raised by hand when the rule changes: earlier decisions do not count then.
const RULE: u32 = 1;
/// The kind of note it is in the store.
pub(super) const NOTES: &str = "race";

/// What was decided at a rung, and from what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Which rung, from 0.
    pub rung: usize,
    /// What each training had shown, by its key; `None` for one that failed.
    pub shown: Vec<(Key, Option<Progress>)>,
    /// Whether the trainings of each repeat are measured on the same photos in the same way; if not, nothing is
    /// stopped.
    pub comparable: bool,
    /// The largest corrected p-value by which a condition is stopped: 0.05 divided by the number of rungs.
    pub level: f64,
    /// The condition with the best loss at this rung, if any is told from chance.
    pub best: Option<usize>,
    /// Conditions that are stopped.
    pub stopped: Vec<Stopped>,
    /// Conditions that are clearly behind and go on all the same.
    pub kept: Vec<Kept>,
}

/// A condition that is stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// Its index.
    pub condition: usize,
    /// Its loss minus that of the best condition, inside the repeats.
    pub behind: f64,
    /// The 95 % interval of this difference alone.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// Its corrected p-value.
    pub p: f64,
}

/// A condition that is clearly behind and goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its index.
    pub condition: usize,
    /// Why.
    pub because: KeptBecause,
}

/// Why a condition goes on that is clearly behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptBecause {
    /// It comes nearer so quickly that it would be ahead at the end.
    CatchesUp,
    /// No other condition that goes on has this swept value.
    OnlyOneOf(String),
}

/// What a decision is made from: the trainings' keys determine what they show.
#[derive(Serialize)]
struct Question<'a> {
    rule: u32,
    rung: usize,
    rungs: usize,
    stop_values: bool,
    #[serde(skip_serializing_if = "RaceMeasure::is_default")]
    measure: RaceMeasure,
    /// Key, condition, repeat, steps and the step of the rung of each training that is still in the race.
    trainings: Vec<(&'a Key, usize, usize, u64, u64)>,
    /// Those of them that failed.
    failed: Vec<&'a Key>,
    conditions: Vec<&'a std::collections::BTreeMap<String, String>>,
}

/// The name of the decision at a rung between these conditions, of whose trainings some failed.
#[must_use]
pub(super) fn name(field: &Field, rung: usize, alive: &[usize], failed: &dyn Fn(usize) -> bool) -> Key {
    let own = |e: &usize| alive.contains(&field.entrants[*e].condition);
    let entrants: Vec<usize> = (0..field.entrants.len()).filter(own).collect();
    let question = Question {
        rule: RULE,
        rung,
        rungs: field.rungs,
        stop_values: field.stop_values,
        measure: field.measure,
        trainings: (entrants.iter().map(|e| &field.entrants[*e]))
            .map(|e| (&e.key, e.condition, e.repeat, e.steps, e.rungs[rung]))
            .collect(),
        failed: entrants.iter().filter(|e| failed(**e)).map(|e| &field.entrants[*e].key).collect(),
        conditions: alive.iter().map(|c| &field.conditions[*c]).collect(),
    };
    let text = serde_json::to_vec(&question).unwrap_or_default();
    let hash = blake3::hash(&text).to_hex();
    Key::parse(&hash[..32]).unwrap_or_else(|| unreachable!("32 hexadecimal digits are a key"))
}

impl Decision {
    /// The stored decision of that name, if there is one that fits this rung.
    pub(super) fn stored(store: &Store, name: &Key, field: &Field, rung: usize) -> Option<Self> {
        let decision: Self = serde_json::from_slice(&store.note(NOTES, name)?).ok()?;
        let conditions = decision.stopped.iter().map(|s| s.condition).chain(decision.kept.iter().map(|k| k.condition));
        let fits = decision.rung == rung && conditions.chain(decision.best).all(|c| c < field.conditions.len());
        fits.then_some(decision)
    }
}
