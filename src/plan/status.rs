//! What a run would do with each job, and why.

use super::Plan;
use crate::store::{Change, Found, Store, StoreError};

/// The state of one job in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// The result is in the store.
    Cached,
    /// It will be made, because of `reason`, e.g. `learning_rate 0.0001 → 0.0002`.
    Todo {
        /// In words.
        reason: String,
    },
    /// The last attempt failed; it will be tried again.
    Failed {
        /// Why it failed.
        reason: String,
    },
}

/// The status of every job of the plan, in order. Reads the store, changes nothing.
pub fn status(plan: &Plan, store: &Store) -> Result<Vec<JobStatus>, StoreError> {
    let one = |job: &super::Job| {
        let todo = |reason: String| Ok(JobStatus::Todo { reason });
        match store.look(job.stage, &job.key)? {
            Found::Done(_) => return Ok(JobStatus::Cached),
            Found::Damaged(what) => return todo(format!("the stored result is damaged ({what})")),
            Found::Missing => {}
        }
        if let Some(failure) = store.failure(job.stage, &job.key)? {
            return Ok(JobStatus::Failed { reason: failure.reason });
        }
        match store.nearest(job.stage, &job.inputs) {
            None => todo("first time".to_owned()),
            Some(old) => todo(sentence(&job.inputs.changes_from(&old.inputs))),
        }
    };
    plan.jobs.iter().map(one).collect()
}

/// The first three changes, and how many more there are.
fn sentence(changes: &[Change]) -> String {
    let mut parts: Vec<String> = changes.iter().take(3).map(ToString::to_string).collect();
    if changes.len() > 3 {
        parts.push(format!("{} more", changes.len() - 3));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KeyInputs;

    #[test]
    fn many_changes_are_cut_short() {
        let new = KeyInputs::new().with("a", 2).with("b", 2).with("c", 2).with("d", 2).with("e", 2);
        let old = KeyInputs::new().with("a", 1).with("b", 1).with("c", 1).with("d", 1).with("e", 1);
        assert_eq!(sentence(&new.changes_from(&old)), "a 1 → 2, b 1 → 2, c 1 → 2, 2 more");
    }
}
