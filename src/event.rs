//! What the program tells while it works. Each event is plain data, and one line of JSON with `--format json`.
//!
//! The engine never prints: `term` turns these events into bars or lines.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use crate::stage::Stage;

/// The job that an event is about, and who works on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobName {
    /// Index of the job in the plan, from 0.
    pub job: usize,
    /// The worker, named by the device it computes on, e.g. `cpu` or `cuda:1`.
    pub worker: String,
    /// Which kind of work it is.
    pub stage: Stage,
    /// What people call it, e.g. `dataset.size=5`.
    pub label: String,
    /// Key of its result in the store.
    pub key: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The plan is known and work begins. `todo` of `jobs` pieces of work are not in the store yet.
    RunStarted { name: String, cells: usize, jobs: usize, todo: usize, device: String },
    /// A job's result was found in the store.
    JobReused {
        #[serde(flatten)]
        job: JobName,
    },
    /// Another process is making this result; the run waits for it.
    JobWaiting {
        #[serde(flatten)]
        job: JobName,
    },
    /// A job begins. `reason` says why it is not reused; `index` counts from 1 to `todo`.
    JobStarted {
        #[serde(flatten)]
        job: JobName,
        reason: String,
        index: usize,
        todo: usize,
    },
    /// A job moved on: `done` of `total` `unit`s ("images", "steps", "photos"), `detail` e.g. `loss 0.123`.
    JobProgress {
        #[serde(flatten)]
        job: JobName,
        done: u64,
        total: u64,
        unit: String,
        detail: String,
    },
    /// A job's result is committed to the store.
    JobFinished {
        #[serde(flatten)]
        job: JobName,
        seconds: f64,
    },
    /// A training came to a rung of the race, at `done` of `total` steps, and waits for others; or it was stopped
    /// there.
    JobPaused {
        #[serde(flatten)]
        job: JobName,
        done: u64,
        total: u64,
    },
    /// A job failed; the cells that need it are failed, the others go on.
    JobFailed {
        #[serde(flatten)]
        job: JobName,
        reason: String,
        cells: Vec<String>,
    },
    /// Several processes work on the study, each under one of these names.
    WorkersStarted { workers: Vec<String> },
    /// A worker ended before its time, e.g. because it was killed; `again`: it is started again.
    WorkerEnded { worker: String, reason: String, again: bool },
    /// `runner generate` begins to draw this many images with a model.
    DrawingStarted { images: usize, model: String, device: String },
    /// `done` of `total` sampler steps of all images are done.
    DrawingProgress { done: u64, total: u64 },
    /// All images are written.
    DrawingFinished { images: usize, seconds: f64 },
    /// More of a file of the base model has arrived: `done` of `total` bytes (0: not known). An earlier attempt had
    /// left `resumed` of them.
    Download { file: String, done: u64, total: u64, resumed: u64, bytes_per_second: f64 },
    /// A file of the base model cannot be had; the command ends with the reason.
    DownloadFailed { file: String },
    /// Something went wrong that may pass, e.g. the disk is full: it is tried again in so many `seconds`, for the
    /// `attempt`th of at most `most` times in a row.
    Retrying { reason: String, seconds: f64, attempt: u32, most: u32 },
    /// Something the user should know that does not stop the work.
    Warning { message: String },
    /// Something worth a line, e.g. `continuing at step 120 of 400`.
    Note { message: String },
    /// A signal arrived: the current step is finished and checkpointed, then the run ends.
    Stopping { signal: String },
    /// The report folder was (re)written.
    ReportWritten { folder: PathBuf },
    /// The command ends with this error: nothing more comes.
    Failed { message: String },
    /// The run is over.
    RunFinished {
        done: usize,
        failed: usize,
        skipped: usize,
        #[serde(default)]
        raced: usize,
        seconds: f64,
    },
}

/// Whoever wants to hear the events.
pub trait Observer: Sync {
    /// Called on the working thread; must return quickly and must not panic.
    fn observe(&self, event: &Event);
}

impl<F: Fn(&Event) + Sync> Observer for F {
    fn observe(&self, event: &Event) {
        self(event);
    }
}
