//! The plan for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{estimate::Estimate, race::RaceCost, status::JobStatus, types::Plan};
use crate::choice::{Sampler, Sampling};
use crate::experiment::Settings;
use crate::stage::Stage;
use crate::text::{self, count, plain_name, rough_bytes, rough_duration};

/// What `runner plan` prints: cells, then every job with its state and reason, then the estimate, then the memory that
/// each stage needs. `memory` has the predicted bytes of each job. Ends with a line end.
#[must_use]
pub fn table(plan: &Plan, statuses: &[JobStatus], estimate: &Estimate, memory: &[Option<u64>]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}", plan.name, plain_name(&plan.title));
    for cell in &plan.cells {
        let (train, held_out) = (count(cell.train_photos.len(), "photo"), cell.held_out_photos.len());
        let jobs = cell.jobs.iter().filter(|(_, job)| statuses.get(**job) == Some(&JobStatus::Cached)).count();
        let _ = writeln!(
            out,
            "  {}  ({train}, {held_out} held out; {jobs} of {} jobs done)",
            plain_name(&cell.label),
            cell.jobs.iter().count()
        );
    }
    let _ = writeln!(out, "  {}\n", drawn_with(plan));
    let mut rows = vec![["stage", "cells", "state", "reason"].map(str::to_owned).to_vec()];
    rows.extend(plan.jobs.iter().zip(statuses).map(|(job, status)| {
        let (state, reason) = state(status);
        [job.stage.name(), &plain_name(&job.label), state, reason].map(str::to_owned).to_vec()
    }));
    out += &text::table(&rows);
    let cached = statuses.iter().filter(|status| **status == JobStatus::Cached).count();
    let raced = statuses.iter().filter(|status| matches!(status, JobStatus::Raced { .. })).count();
    let todo = statuses.len() - cached - raced;
    let stopped = if raced == 0 { String::new() } else { format!(", {raced} stopped by the race") };
    let _ = writeln!(out, "\n{}: {cached} cached, {todo} to do{stopped}", count(statuses.len(), "job"));
    if todo > 0 {
        let _ = writeln!(out, "{}", cost(estimate));
    }
    out += &memory_line(plan, memory).unwrap_or_default();
    if let Some(race) = &estimate.race {
        let _ = writeln!(out, "{}", race_cost(race));
    }
    out
}

/// `--format json`: the same as one object.
#[must_use]
pub fn json(plan: &Plan, statuses: &[JobStatus], estimate: &Estimate, memory: &[Option<u64>]) -> Value {
    let name = |hash: &String| plan.photo_names.get(hash).unwrap_or(hash).clone();
    let cells = plan.cells.iter().map(|cell| {
        let assignments: serde_json::Map<String, Value> =
            cell.assignments.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        json!({
            "label": cell.label,
            "slug": cell.slug,
            "assignments": assignments,
            "train_photos": cell.train_photos.iter().map(name).collect::<Vec<_>>(),
            "held_out_photos": cell.held_out_photos.iter().map(name).collect::<Vec<_>>(),
            "jobs": cell.jobs.iter().map(|(_, job)| job).collect::<Vec<_>>(),
            "settings": cell.settings,
        })
    });
    let memory = memory.iter().copied().chain(std::iter::repeat(None));
    let jobs = plan.jobs.iter().zip(statuses).zip(memory).map(|((job, status), memory)| {
        let (state, reason) = state(status);
        json!({
            "stage": job.stage,
            "key": job.key,
            "label": job.label,
            "cells": job.cells,
            "needs": job.needs,
            "state": state,
            "reason": reason,
            "memory_bytes": memory,
            "inputs": job.inputs.key_inputs(),
        })
    });
    json!({
        "name": plan.name,
        "title": plan.title,
        "notices": plan.notices,
        "cells": cells.collect::<Vec<_>>(),
        "jobs": jobs.collect::<Vec<_>>(),
        "estimate": estimate,
    })
}

/// What draws the images of all cells: `images: euler, 30 steps; class images: euler, 30 steps`.
fn drawn_with(plan: &Plan) -> String {
    let word = |sampling: Sampling| match sampling.sampler {
        Sampler::Model => format!("the model's sampler, {} steps", sampling.steps),
        named => format!("{named}, {} steps", sampling.steps),
    };
    let of = |what: &str, each: &dyn Fn(&Settings) -> Option<Sampling>| {
        let mut words: Vec<String> = Vec::new();
        for word in plan.cells.iter().filter_map(|cell| each(&cell.settings)).map(word) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        (!words.is_empty()).then(|| format!("{what}: {}", words.join(" | ")))
    };
    let class = |settings: &Settings| Some(settings.train.prior_preservation.as_ref()?.class_images()?.sampling());
    let lines = [of("images", &|settings| Some(settings.generate.images.sampling)), of("class images", &class)];
    lines.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The predicted memory of each stage, that of its largest job; `None` if none is known.
fn memory_line(plan: &Plan, memory: &[Option<u64>]) -> Option<String> {
    let of = |stage: Stage| {
        let jobs = plan.jobs.iter().zip(memory).filter(|(job, _)| job.stage == stage);
        let most = jobs.filter_map(|(_, bytes)| *bytes).max()?;
        Some(format!("{stage} {}", rough_bytes(most)))
    };
    let stages: Vec<String> = Stage::ALL.iter().filter_map(|stage| of(*stage)).collect();
    (!stages.is_empty()).then(|| format!("memory at most, predicted: {}\n", stages.join(", ")))
}

fn state(status: &JobStatus) -> (&'static str, &str) {
    match status {
        JobStatus::Cached => ("cached", ""),
        JobStatus::Todo { reason } | JobStatus::Damaged { reason } => ("to do", reason),
        JobStatus::Raced { reason } => ("stopped", reason),
        JobStatus::Failed { reason } => ("failed", reason),
    }
}

fn cost(estimate: &Estimate) -> String {
    let Estimate { seconds, bytes, known, unknown, .. } = estimate;
    let unknown_jobs = count(*unknown, "job");
    match (known, unknown) {
        (0, _) => "time and disk unknown: nothing like it was made here before".to_owned(),
        (_, 0) => format!("about {} and {}", rough_duration(*seconds), rough_bytes(*bytes)),
        (known, _) => {
            let known = count(*known, "job");
            format!(
                "about {} and {} for {known}, unknown for {unknown_jobs}",
                rough_duration(*seconds),
                rough_bytes(*bytes)
            )
        }
    }
}

fn race_cost(race: &RaceCost) -> String {
    let RaceCost { worst, expected, best } = race;
    let share = |steps: &u64| *steps as f64 / (*worst).max(1) as f64 * 100.0;
    if best == worst {
        return format!("race: {worst} training steps; nothing more can be stopped");
    }
    format!(
        "race: at worst {worst} training steps, if nothing is stopped; {expected} ({:.0} %) if half of what may be \
         stopped is stopped at each rung; at best {best} ({:.0} %)",
        share(expected),
        share(best)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_honest() {
        let estimate = |seconds, bytes, known, unknown| cost(&Estimate { seconds, bytes, known, unknown, race: None });
        assert_eq!(estimate(0.0, 0, 0, 3), "time and disk unknown: nothing like it was made here before");
        assert_eq!(estimate(0.2, 10, 1, 0), "about 1 s and 1 kB");
        assert_eq!(estimate(600.0, 12_300_000, 2, 1), "about 10 min and 12 MB for 2 jobs, unknown for 1 job");
        assert_eq!(estimate(9000.0, 2_500_000_000, 2, 0), "about 2.5 h and 2.5 GB");
    }
}
