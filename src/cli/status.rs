//! `runner status X.toml`: how far each cell is.

use super::{
    exit::{Exit, Failure, OrExit},
    options::OutputArgs,
    output::{emit, emit_json},
    study::PlannedArgs,
    submit,
};
use crate::{
    engine::launcher::Queue,
    plan::{self, JobStatus, Plan},
    stage::Stage,
    store::{Attempt, Store, Working},
    text::{plain_name, plain_text, table},
};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;

/// Show how far each cell is: done, working, begun, failed or to do, stage by stage
///
/// A result that is stored and cannot be used is "damaged". Also works while another runner is at it. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner status experiments/shinchan.toml\n\n\
                  Result: a table with one line per cell; below it the reasons of failures and damage. The exit code \
                  is 100 if a stored result is damaged.")]
pub struct StatusArgs {
    #[command(flatten)]
    planned: PlannedArgs,
}

pub(super) fn execute(args: &StatusArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let study = args.planned.open(output)?;
    let store = Store::reader(&args.planned.study.reports.store());
    let statuses = study.status(&store).or_exit(Exit::Internal)?;
    let queue = submit::queue(&args.planned.study.reports.reports_dir, &study.plan.name);
    let words: Vec<&str> =
        study.plan.jobs.iter().zip(&statuses).map(|(job, status)| word(&store, job, status)).collect();
    let todo = |index: &usize| statuses[*index] != JobStatus::Cached;
    let worker = |index: usize| {
        let job = &study.plan.jobs[index];
        Some((index, store.holder(job.stage, &job.key)?))
    };
    let workers: BTreeMap<usize, Working> = (0..study.plan.jobs.len()).filter(todo).filter_map(worker).collect();
    if output.json() {
        for cell in &study.plan.cells {
            let mut stages = serde_json::Map::new();
            for (stage, &job) in cell.jobs.iter() {
                let reason = match &statuses[job] {
                    JobStatus::Failed { reason } | JobStatus::Damaged { reason } | JobStatus::Todo { reason } => {
                        Some(reason)
                    }
                    JobStatus::Cached => None,
                };
                // Of several jobs of a stage, the first that is not done speaks for it.
                if stages.get(stage.name()).is_none_or(|shown| shown["state"] == DONE) {
                    let task = queue.task(stage, &study.plan.jobs[job].key);
                    let worker = workers.get(&job);
                    let about = json!({"state": words[job], "reason": reason, "task": task, "worker": worker});
                    stages.insert(stage.name().to_owned(), about);
                }
            }
            emit_json(&json!({"cell": cell.label, "stages": stages}))?;
        }
    } else {
        emit(&(text(&study.plan, &statuses, &words) + &at_work(&study.plan, &workers) + &tasks(&study.plan, &queue)))?;
    }
    let damaged = statuses.iter().any(|status| matches!(status, JobStatus::Damaged { .. }));
    Ok(if damaged { Exit::SomeFailed } else { Exit::Done })
}

/// A line for each job that somebody works on.
fn at_work(plan: &Plan, workers: &BTreeMap<usize, Working>) -> String {
    let line = |(index, working): (&usize, &Working)| {
        let (job, holder) = (&plan.jobs[*index], &working.holder);
        let (host, pid) = (&holder.process.host, holder.process.pid);
        let device = if holder.device.is_empty() { String::new() } else { format!(" on {}", holder.device) };
        let clock = if working.here { "" } else { ", by its own clock" };
        let (since, alive) = (&holder.since, &working.alive);
        let who = format!("{host}, process {pid}{device}, since {since}, last sign of life {alive}{clock}");
        format!("\nworking: {} {}: {}\n", job.stage, plain_name(&job.label), plain_name(&who))
    };
    workers.iter().map(line).collect()
}

/// The word for a job whose result is in the store.
const DONE: &str = "done";

fn word(store: &Store, job: &plan::Job, status: &JobStatus) -> &'static str {
    match (status, store.attempt(job.stage, &job.key)) {
        (JobStatus::Cached, _) => DONE,
        (_, Attempt::Working) => "working",
        (JobStatus::Failed { .. }, _) => "failed",
        (JobStatus::Damaged { .. }, _) => "damaged",
        (JobStatus::Todo { .. }, Attempt::Begun) => "begun",
        (JobStatus::Todo { .. }, Attempt::None) => "to do",
    }
}

/// What a cluster's queue has of the study, one task a line.
fn tasks(plan: &Plan, queue: &Queue) -> String {
    let of_job = |job: &plan::Job| {
        let task = queue.task(job.stage, &job.key)?;
        let (label, words) = (plain_name(&job.label), plain_text(&task.words()));
        Some(format!("{:>10}  {} {label}: {words}\n", plain_text(&task.task), job.stage))
    };
    let lines: String = plan.jobs.iter().filter_map(of_job).collect();
    if lines.is_empty() { lines } else { format!("\nin the queue:\n{lines}") }
}

fn text(plan: &Plan, statuses: &[JobStatus], words: &[&str]) -> String {
    let used = |stage: &Stage| plan.cells.iter().any(|cell| cell.jobs.one(*stage).is_some());
    let stages: Vec<Stage> = Stage::ALL.into_iter().filter(used).collect();
    let mut rows = vec![vec!["cell".to_owned()]];
    rows[0].extend(stages.iter().map(ToString::to_string));
    for cell in &plan.cells {
        let mut row = vec![plain_name(&cell.label)];
        row.extend(stages.iter().map(|stage| {
            let mut of_stage = cell.jobs.all(*stage).iter().map(|&job| words[job]);
            let last = of_stage.clone().next_back().unwrap_or_default();
            of_stage.find(|word| *word != DONE).unwrap_or(last).to_owned()
        }));
        rows.push(row);
    }
    let mut out = table(&rows);
    for (job, status) in plan.jobs.iter().zip(statuses) {
        let (word, reason) = match status {
            JobStatus::Failed { reason } => ("failed", reason),
            JobStatus::Damaged { reason } => ("damaged", reason),
            JobStatus::Cached | JobStatus::Todo { .. } => continue,
        };
        out += &format!("\n{word}: {} {}: {}\n", job.stage, plain_name(&job.label), plain_text(reason));
    }
    out
}
