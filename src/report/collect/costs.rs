//! What the stored artifacts cost.

use crate::plan::{Job, Plan};
use crate::report::data::{Cost, CsvTable};
use crate::store::Artifact;

use super::collector::State;

/// One entry per job that has a result; `states` are those of the plan's jobs.
pub(super) fn costs(plan: &Plan, states: &[State]) -> Vec<Cost> {
    plan.jobs.iter().zip(states).filter_map(|(job, state)| cost(plan, job, state)).collect()
}

fn cost(plan: &Plan, job: &Job, state: &State) -> Option<Cost> {
    let State::Done(artifact) = state else { return None };
    let m = &artifact.manifest;
    Some(Cost {
        stage: job.stage,
        key: job.key.as_str().to_owned(),
        cells: job.cells.iter().filter_map(|c| plan.cells.get(*c)).map(|c| c.label.clone()).collect(),
        created: m.created.clone(),
        seconds: m.seconds,
        steps_per_second: steps_per_second(artifact),
        peak_memory_bytes: m.peak_memory_bytes,
        device: m.device.clone(),
        threads: m.threads,
        runner_version: m.runner_version.clone(),
    })
}

/// One over the median of the seconds per step. The median ignores the slow steps just after a restart.
fn steps_per_second(artifact: &Artifact) -> Option<f64> {
    let table = CsvTable::parse(&artifact.read("timing.csv").ok()?);
    let mut seconds: Vec<f64> = table.points("step", "seconds", |_| true).into_iter().map(|p| p.1).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).filter(|s| **s > 0.0).map(|s| 1.0 / s)
}
