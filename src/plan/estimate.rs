//! What the jobs that are not done will cost, judged by what similar jobs did cost on this store.
//!
//! Time is taken to grow with the work (training samples, image steps, photos; each times pixels), disk with what is
//! written (images, photos, adapter rank). Only results of the same base model, number format and kind of device are
//! compared; without one the cost is unknown, and said to be.

use serde::Serialize;

use super::history::History;
use super::status::JobStatus;
use super::types::{Job, Plan};
use crate::stage::{KeyInputs, Stage, about};
use crate::store::Store;

/// Cost of everything that is to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Seconds of the jobs whose cost can be judged.
    pub seconds: f64,
    /// Bytes they will write.
    pub bytes: u64,
    /// How many jobs that is.
    pub known: usize,
    /// How many jobs are to do besides.
    pub unknown: usize,
}

/// Judges the jobs that are not cached.
#[must_use]
pub fn estimate(plan: &Plan, statuses: &[JobStatus], store: &Store) -> Estimate {
    let mut history = History::of(store);
    let mut sum = Estimate::default();
    for (job, _) in plan.jobs.iter().zip(statuses).filter(|(_, status)| **status != JobStatus::Cached) {
        match judge(plan, job, &mut history) {
            Some((seconds, bytes)) => {
                sum.seconds += seconds;
                sum.bytes = sum.bytes.saturating_add(bytes);
                sum.known += 1;
            }
            None => sum.unknown += 1,
        }
    }
    sum
}

/// Seconds of each job, cached ones, too; `None` where nothing like it was made before.
#[must_use]
pub fn seconds(plan: &Plan, store: &Store) -> Vec<Option<f64>> {
    let mut history = History::of(store);
    plan.jobs.iter().map(|job| judge(plan, job, &mut history).map(|(seconds, _)| seconds)).collect()
}

/// Seconds and bytes of one job.
fn judge(plan: &Plan, job: &Job, history: &mut History<'_>) -> Option<(f64, u64)> {
    let inputs = job.inputs.key_inputs();
    let old = history.nearest(job.stage, &inputs, &|_| true)?.clone();
    let train = job.needs.iter().map(|need| &plan.jobs[*need]).find(|need| need.stage == Stage::Train);
    let model = machine(&inputs, train.map(|train| train.inputs.key_inputs()).as_ref())?;
    let key = old.inputs.text(Stage::Train.name());
    let old_train = history.of_stage(Stage::Train).iter().find(|train| Some(train.key.as_str()) == key);
    if machine(&old.inputs, old_train.map(|train| &train.inputs))? != model {
        return None;
    }
    let ratio = |size: fn(&KeyInputs) -> Option<f64>| {
        let ratio = size(&inputs)? / size(&old.inputs)?;
        ratio.is_finite().then_some(ratio)
    };
    let about = about(job.stage);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate
    let bytes = (old.bytes() as f64 * ratio(about.written)?) as u64;
    Some((old.seconds * ratio(about.work)?, bytes))
}

/// Base model, number format and device; of its training for a job that does not name them itself. Features depend on
/// an encoder instead.
fn machine(inputs: &KeyInputs, train: Option<&KeyInputs>) -> Option<[String; 3]> {
    if let Some(encoder) = inputs.text("encoder") {
        return Some([encoder, "f32", inputs.text("device")?].map(str::to_owned));
    }
    let model = if inputs.text("model.base").is_some() { inputs } else { train? };
    let names = [model.text("model.base")?, model.text("model.dtype")?, inputs.text("device")?];
    Some(names.map(str::to_owned))
}
