//! What a run would do with each job, and why.

use std::collections::BTreeSet;

use serde::Serialize;

use super::history::History;
use super::race;
use super::reason::{NOT_MADE_YET, reason};
use super::types::{Job, Plan};
use crate::stage::{Key, Stage};
use crate::store::{Found, Store, StoreError};

/// The state of one job in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobStatus {
    /// The result is in the store.
    Cached,
    /// It will be made, because of `reason`, e.g. `learning_rate 1e-4 → 2e-4`.
    Todo {
        /// In words.
        reason: String,
    },
    /// The result is in the store and cannot be used: it will be made again.
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// The race stopped its training, or the trainings of all its cells: it is not made.
    Raced {
        /// When and why.
        reason: String,
    },
    /// The last attempt failed; it will be tried again.
    Failed {
        /// Why it failed.
        reason: String,
    },
}

/// The status of every job of the plan, in order. Reads the store, changes nothing.
///
/// # Errors
/// A store that cannot be read.
pub fn status(plan: &Plan, store: &Store) -> Result<Vec<JobStatus>, StoreError> {
    // Results of this very plan say nothing about what changed.
    let own: BTreeSet<&Key> = plan.jobs.iter().map(|job| &job.key).collect();
    let mut history = History::of(store);
    let one = |job: &Job| {
        let todo = |reason: String| Ok(JobStatus::Todo { reason });
        match store.look(job.stage, &job.key)? {
            Found::Done(_) => return Ok(JobStatus::Cached),
            Found::Damaged(what) => {
                return Ok(JobStatus::Damaged { reason: format!("the stored result is damaged ({what})") });
            }
            Found::Missing => {}
        }
        if let Some(failure) = store.failure(job.stage, &job.key)? {
            return Ok(JobStatus::Failed { reason: failure.reason });
        }
        let inputs = job.inputs.key_inputs();
        todo(match history.nearest(job.stage, &inputs, &|key| !own.contains(key)) {
            None => NOT_MADE_YET.to_owned(),
            Some(old) => reason(&inputs, &old.inputs, &plan.photo_names),
        })
    };
    let mut statuses = plan.jobs.iter().map(one).collect::<Result<Vec<_>, StoreError>>()?;
    mark_raced(plan, store, &mut statuses);
    Ok(statuses)
}

/// Marks what the race leaves out. What is there all the same stays as it is.
fn mark_raced(plan: &Plan, store: &Store, statuses: &mut [JobStatus]) {
    let Some(field) = &plan.race else { return };
    let course = race::stored(field, store);
    for (e, entrant) in field.entrants.iter().enumerate() {
        if let Some(reason) = course.why(field, e)
            && statuses[entrant.job] != JobStatus::Cached
        {
            statuses[entrant.job] = JobStatus::Raced { reason };
        }
    }
    let raced = |statuses: &[JobStatus], job: usize| matches!(statuses[job], JobStatus::Raced { .. });
    for (index, job) in plan.jobs.iter().enumerate().filter(|(_, job)| job.stage != Stage::Train) {
        let lost = |cell: &usize| plan.cells[*cell].jobs.one(Stage::Train).is_some_and(|t| raced(statuses, *t));
        if statuses[index] != JobStatus::Cached && job.cells.iter().all(lost) {
            statuses[index] = JobStatus::Raced { reason: "its training was stopped by the race".to_owned() };
        }
    }
}
