//! What stored artifacts cost.

use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// What one stored artifact cost; the only data that differ between two identical runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Kind of work.
    pub stage: Stage,
    /// Key of the artifact.
    pub key: String,
    /// Labels of the cells that use it.
    pub cells: Vec<String>,
    /// When it was committed, RFC 3339.
    pub created: String,
    /// Wall-clock seconds of work.
    pub seconds: f64,
    /// Training steps per second (median), when the stage counts steps.
    pub steps_per_second: Option<f64>,
    /// Largest resident memory of the process.
    pub peak_memory_bytes: Option<u64>,
    /// Where tensors lived.
    pub device: String,
    /// Worker threads.
    pub threads: usize,
    /// Version of the program that made it.
    pub runner_version: String,
}
