//! What the engine says while it works: plain data, one line of JSON each with `--format json`.
//!
//! The engine never prints; `term` turns these into bars or lines.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use crate::stage::Stage;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The plan is known and work begins. `todo` of `jobs` pieces of work are not in the store yet.
    RunStarted { name: String, cells: usize, jobs: usize, todo: usize, device: String },
    /// A job's result was found in the store.
    JobReused { stage: Stage, label: String, key: String },
    /// Another process is making this result; waiting for it.
    JobWaiting { stage: Stage, label: String, key: String },
    /// A job begins; `reason` says why it is not reused, `index` counts from 1 to `todo`.
    JobStarted { stage: Stage, label: String, key: String, reason: String, index: usize, todo: usize },
    /// A job moved on: `done` of `total` `unit`s ("images", "steps", "photos"), `detail` e.g. `loss 0.123`.
    JobProgress { stage: Stage, done: u64, total: u64, unit: String, detail: String },
    /// A job's result is committed to the store.
    JobFinished { stage: Stage, label: String, key: String, seconds: f64 },
    /// A job failed; the cells that need it are failed, the others go on.
    JobFailed { stage: Stage, label: String, reason: String, cells: Vec<String> },
    /// More of a file of the base model has arrived: `done` of `total` bytes (0: not known), of which an earlier
    /// attempt had left `resumed`.
    Download { file: String, done: u64, total: u64, resumed: u64, bytes_per_second: f64 },
    /// A file of the base model cannot be had; the command ends with the reason.
    DownloadFailed { file: String },
    /// Something the user should know that does not stop the work.
    Warning { message: String },
    /// Something worth a line, e.g. `continuing at step 120 of 400`.
    Note { message: String },
    /// A signal arrived: the current step is finished and checkpointed, then the run ends.
    Stopping { signal: String },
    /// The report folder was (re)written.
    ReportWritten { folder: PathBuf },
    /// The run is over.
    RunFinished { done: usize, failed: usize, skipped: usize, seconds: f64 },
}

/// Who listens to the engine.
pub trait Observer: Sync {
    /// Called on the working thread; must return quickly and must not panic.
    fn observe(&self, event: &Event);
}

/// Listens to nothing; for tests and library users.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event) {}
}

impl<F: Fn(&Event) + Sync> Observer for F {
    fn observe(&self, event: &Event) {
        self(event);
    }
}
