//! What the jobs that are not done will cost, judged by what similar jobs did cost on this store.
//!
//! Time is taken to grow with the work (training samples, image steps, photos; each times pixels), disk with what is
//! written (images, photos, adapter rank). Only results of the same base model, number format and kind of device are
//! compared; without one the cost is unknown, and said to be.

use serde::Serialize;
use serde_json::Value;

use super::{Job, JobStatus, Plan};
use crate::stage::Stage;
use crate::store::{Key, KeyInputs, Manifest, Store};

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
    let mut sum = Estimate::default();
    for (job, _) in plan.jobs.iter().zip(statuses).filter(|(_, status)| **status != JobStatus::Cached) {
        match judge(plan, job, store) {
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

/// Seconds and bytes of one job.
fn judge(plan: &Plan, job: &Job, store: &Store) -> Option<(f64, u64)> {
    let old: Manifest = store.nearest(job.stage, &job.inputs, &|_| true)?;
    let train = job.needs.iter().map(|need| &plan.jobs[*need]).find(|need| need.stage == Stage::Train);
    let model = machine(&job.inputs, train.map(|train| &train.inputs))?;
    let old_train = text(&old.inputs, "train").and_then(|key| store.manifest(Stage::Train, &Key::parse(key)?));
    if machine(&old.inputs, old_train.as_ref().map(|train| &train.inputs))? != model {
        return None;
    }
    let ratio = |size: fn(Stage, &KeyInputs) -> Option<f64>| {
        let ratio = size(job.stage, &job.inputs)? / size(job.stage, &old.inputs)?;
        ratio.is_finite().then_some(ratio)
    };
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate
    let bytes = (old.bytes() as f64 * ratio(written)?) as u64;
    Some((old.seconds * ratio(work)?, bytes))
}

/// Base model, number format and device; of its training for a job that does not name them itself.
fn machine<'a>(inputs: &'a KeyInputs, train: Option<&'a KeyInputs>) -> Option<[&'a str; 3]> {
    let model = if text(inputs, "model.base").is_some() { inputs } else { train? };
    Some([text(model, "model.base")?, text(model, "model.dtype")?, text(inputs, "device")?])
}

/// Work in arbitrary units.
fn work(stage: Stage, inputs: &KeyInputs) -> Option<f64> {
    let n = |name| number(inputs, name);
    let resolution = || Some(n("dataset.resolution")?.powi(2));
    Some(match stage {
        Stage::Prepare => length(inputs, "photos") * resolution()?,
        Stage::Baseline | Stage::Generate => written(stage, inputs)? * passes(inputs, "generate")?,
        Stage::ClassImages => written(stage, inputs)? * passes(inputs, "train.prior_preservation")?,
        Stage::Train => {
            let samples = if inputs.0.contains_key(Stage::ClassImages.name()) { 2.0 } else { 1.0 };
            n("train.steps")? * n("train.batch_size")? * n("train.gradient_accumulation")? * samples * resolution()?
        }
        Stage::Evaluate => 1.0,
    })
}

/// Forward passes for an image.
fn passes(inputs: &KeyInputs, section: &str) -> Option<f64> {
    let guided = number(inputs, &format!("{section}.guidance_scale"))? != 1.0;
    Some(number(inputs, &format!("{section}.steps"))? * if guided { 2.0 } else { 1.0 })
}

/// What ends up on disk, in arbitrary units.
fn written(stage: Stage, inputs: &KeyInputs) -> Option<f64> {
    let n = |name| number(inputs, name);
    Some(match stage {
        Stage::Prepare => length(inputs, "photos") * n("dataset.resolution")?.powi(2),
        Stage::Baseline | Stage::Generate => {
            let prompts = ["generate.prompts", "generate.baseline_prompts", "evaluate.drift_prompts"];
            let prompts: f64 = prompts.iter().map(|name| length(inputs, name)).sum();
            prompts * length(inputs, "generate.seeds") * n("generate.width")? * n("generate.height")?
        }
        Stage::ClassImages => n("train.prior_preservation.images")? * n("dataset.resolution")?.powi(2),
        Stage::Train => n("train.rank")?,
        Stage::Evaluate => 1.0,
    })
}

fn number(inputs: &KeyInputs, name: &str) -> Option<f64> {
    inputs.0.get(name)?.as_f64()
}

fn text<'a>(inputs: &'a KeyInputs, name: &str) -> Option<&'a str> {
    inputs.0.get(name)?.as_str()
}

/// Number of items of a list; 0 if there is none.
#[allow(clippy::cast_precision_loss)] // far below 2^53
fn length(inputs: &KeyInputs, name: &str) -> f64 {
    inputs.0.get(name).and_then(Value::as_array).map_or(0.0, |items| items.len() as f64)
}
