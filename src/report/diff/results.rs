//! The numbers of a report's finding, read from its `verdict.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::record::DiffError;
use crate::files::plain_file;

/// The file in a report.
const FILE: &str = "verdict.json";
/// A larger file is not one of ours.
const MOST_BYTES: u64 = 64 << 20;

/// What the finding of a report rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// The measure that is judged.
    pub question: String,
    /// The name of the best condition.
    pub best: Option<String>,
    /// Whether it is clearly better than all others.
    pub best_is_clear: bool,
    /// The numbers of each condition.
    pub conditions: Vec<ConditionResult>,
}

/// The numbers of a condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionResult {
    /// Its name.
    pub title: String,
    /// Trainings with a score.
    pub n: usize,
    /// Trainings that diverged.
    pub diverged: usize,
    /// Mean score over trainings.
    pub score: Option<Number>,
    /// Change against the base model.
    pub change: Option<Number>,
}

/// A mean with its 95 % interval over trainings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// The mean.
    pub mean: f64,
    /// The lower end; none with one training.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// `verdict.json`, as far as it is read here.
#[derive(Deserialize)]
struct File {
    question: String,
    conditions: Vec<Named>,
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Named {
    title: String,
}

#[derive(Deserialize)]
struct Verdict {
    best: Option<usize>,
    best_is_clear: bool,
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    n: usize,
    diverged: usize,
    score: Option<Number>,
    gain: Option<Gain>,
}

#[derive(Deserialize)]
struct Gain {
    change: Number,
}

impl Results {
    /// The results of a report; `None` if no training of it is finished.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, DiffError> {
        let file = folder.join(FILE);
        let unreadable = |what: String| DiffError::Unreadable { file: file.clone(), what };
        let bytes = match plain_file::read(&file, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let File { question, conditions, verdict } =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if conditions.len() != verdict.conditions.len() {
            return Err(unreadable("it names other conditions than it judges".to_owned()));
        }
        let title = |index: usize| conditions.get(index).map(|named| named.title.clone());
        Ok(Some(Self {
            question,
            best: verdict.best.and_then(title),
            best_is_clear: verdict.best_is_clear,
            conditions: (verdict.conditions.into_iter().zip(&conditions))
                .map(|(condition, named)| ConditionResult {
                    title: named.title.clone(),
                    n: condition.n,
                    diverged: condition.diverged,
                    score: condition.score,
                    change: condition.gain.map(|gain| gain.change),
                })
                .collect(),
        }))
    }
}
