//! What a study is, without its results: the settings of its cells, and its jobs with what they depend on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::experiment::flat;
use crate::files::plain_file;
use crate::plan::Plan;
use crate::stage::{Key, KeyInputs, Stage};

/// The file in a report.
pub(crate) const FILE: &str = "study.json";
/// Changes when a reader of the file must change.
const FORMAT: u32 = 1;
/// A larger file is not one of ours: the largest grid takes less.
const MOST_BYTES: u64 = 256 << 20;

/// A study without its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    format: u32,
    /// Version of the program that wrote it.
    pub runner: String,
    /// Folder name of the report.
    pub name: String,
    /// Headline of the report.
    pub title: String,
    /// The settings that are the same in all cells, as text by dotted name.
    pub settings: BTreeMap<String, String>,
    /// The combinations.
    pub cells: Vec<CellRecord>,
    /// The pieces of work, each once.
    pub jobs: Vec<JobRecord>,
    /// What the photos are called, by content hash.
    pub photos: BTreeMap<String, String>,
}

/// One combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// What people call it.
    pub label: String,
    /// The settings that are not the same in all cells.
    pub settings: BTreeMap<String, String>,
}

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Which kind of work.
    pub stage: Stage,
    /// Names its result.
    pub key: Key,
    /// What people call it.
    pub label: String,
    /// Indices of the cells that need it.
    pub cells: Vec<usize>,
    /// Everything its result depends on.
    pub inputs: KeyInputs,
}

/// Why the folder of a report cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// It has no record.
    #[error("{} has no {FILE}, so it is no report, or one that an older runner wrote; write it again with \
             `runner report EXPERIMENT.toml`", .0.display())]
    NoReport(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {}: {what}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        what: String,
    },
}

impl Record {
    /// The record of a planned study.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut cells: Vec<CellRecord> =
            plan.cells.iter().map(|cell| cell_record(&cell.label, flat(&cell.settings))).collect();
        let first = cells.first().map(|cell| cell.settings.clone()).unwrap_or_default();
        let everywhere = |(key, value): &(String, String)| cells.iter().all(|c| c.settings.get(key) == Some(value));
        let settings: BTreeMap<String, String> = first.into_iter().filter(everywhere).collect();
        for cell in &mut cells {
            cell.settings.retain(|key, _| !settings.contains_key(key));
        }
        let jobs = plan.jobs.iter().map(|job| JobRecord {
            stage: job.stage,
            key: job.key.clone(),
            label: job.label.clone(),
            cells: job.cells.clone(),
            inputs: job.inputs.key_inputs(),
        });
        Self {
            format: FORMAT,
            runner: env!("CARGO_PKG_VERSION").to_owned(),
            name: plan.name.clone(),
            title: plan.title.clone(),
            settings,
            cells,
            jobs: jobs.collect(),
            photos: plan.photo_names.clone(),
        }
    }

    /// Reads the record of a report.
    ///
    /// # Errors
    /// A folder that is no report, or a record that cannot be read.
    pub fn read(folder: &Path) -> Result<Self, DiffError> {
        let file = folder.join(FILE);
        let unreadable = |what: String| DiffError::Unreadable { file: file.clone(), what };
        let bytes = plain_file::read(&file, MOST_BYTES).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => DiffError::NoReport(folder.to_owned()),
            _ => unreadable(error.to_string()),
        })?;
        let record: Self = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if record.format != FORMAT {
            return Err(unreadable(format!("it has format {}, this runner reads format {FORMAT}", record.format)));
        }
        match record.jobs.iter().flat_map(|job| &job.cells).find(|cell| **cell >= record.cells.len()) {
            Some(cell) => Err(unreadable(format!("a job names cell {cell} of {}", record.cells.len()))),
            None => Ok(record),
        }
    }

    /// The text of the file.
    pub(crate) fn to_json(&self) -> String {
        match serde_json::to_string(self) {
            Ok(text) => text + "\n",
            Err(error) => unreachable!("a record is plain data: {error}"),
        }
    }

    /// Whether both are of the same work.
    #[must_use]
    pub fn has_the_jobs_of(&self, other: &Self) -> bool {
        let keys = |record: &Self| -> Vec<(Stage, Key)> {
            let mut keys: Vec<_> = record.jobs.iter().map(|job| (job.stage, job.key.clone())).collect();
            keys.sort();
            keys
        };
        keys(self) == keys(other)
    }
}

fn cell_record(label: &str, settings: Vec<(String, String)>) -> CellRecord {
    CellRecord { label: label.to_owned(), settings: settings.into_iter().collect() }
}
