//! `[evaluate]`: the measurements.

use super::dataset::MAX_SEED;
use super::prompt;
use super::reader::Reader;
use super::subject::Subject;

use serde::{Deserialize, Serialize};

pub(super) const KEYS: &[&str] = &[
    "evaluate.probe_every",
    "evaluate.probe_timesteps",
    "evaluate.probe_photos",
    "evaluate.probe_seed",
    "evaluate.drift_prompts",
];

/// `[evaluate]`: the measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluate {
    /// When and on what the probe loss is measured.
    #[serde(flatten)]
    pub probe: Probe,
    /// Prompts that must look the same with and without the adapter.
    pub drift_prompts: Vec<String>,
}

/// The settings of the probe loss; it is measured while a training runs, so they are in its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Optimizer steps between probe losses; 0 = only before the first and after the last step.
    pub probe_every: usize,
    /// Timesteps per photo, spread evenly over the schedule.
    pub probe_timesteps: usize,
    /// Photos per split at most (training photos, held-out photos).
    pub probe_photos: usize,
    /// Seeds the probe's noise.
    pub probe_seed: u64,
}

/// Reads and checks the section.
pub(super) fn read(reader: &mut Reader<'_>, subject: &Subject) -> Option<Evaluate> {
    let probe_every = reader.count("evaluate.probe_every", 0..=10_000_000);
    let probe_timesteps = reader.count("evaluate.probe_timesteps", 1..=1000);
    let probe_photos = reader.count("evaluate.probe_photos", 1..=1_000_000);
    let probe_seed = reader.whole("evaluate.probe_seed", 0..=MAX_SEED);
    let drift_prompts = prompt::list(reader, "evaluate.drift_prompts", "[]", subject);
    let probe = Probe {
        probe_every: probe_every?,
        probe_timesteps: probe_timesteps?,
        probe_photos: probe_photos?,
        probe_seed: probe_seed?,
    };
    Some(Evaluate { probe, drift_prompts: drift_prompts? })
}
