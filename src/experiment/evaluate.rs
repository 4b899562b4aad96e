//! `[evaluate]`: the measurements.

use super::dataset::MAX_SEED;
use super::prompt;
use super::reader::Reader;
use super::settings::{Evaluate, Subject};

pub(super) const KEYS: &[&str] = &[
    "evaluate.probe_every",
    "evaluate.probe_timesteps",
    "evaluate.probe_photos",
    "evaluate.probe_seed",
    "evaluate.drift_prompts",
];

/// Reads and checks the section.
pub(super) fn read(reader: &mut Reader<'_>, subject: &Subject) -> Option<Evaluate> {
    let probe_every = reader.count("evaluate.probe_every", 0..=10_000_000);
    let probe_timesteps = reader.count("evaluate.probe_timesteps", 1..=1000);
    let probe_photos = reader.count("evaluate.probe_photos", 1..=1_000_000);
    let probe_seed = reader.whole("evaluate.probe_seed", 0..=MAX_SEED);
    let drift_prompts = prompt::list(reader, "evaluate.drift_prompts", "[]", subject);
    Some(Evaluate {
        probe_every: probe_every?,
        probe_timesteps: probe_timesteps?,
        probe_photos: probe_photos?,
        probe_seed: probe_seed?,
        drift_prompts: drift_prompts?,
    })
}
