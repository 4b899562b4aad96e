//! What can be handed over now. A task that would wait for others ends instead, so a race goes from rung to rung: each
//! submission takes the trainings to the next one, and what needs a finished training comes later.

use crate::engine::race::Racing;
use crate::plan::{self, JobStatus, Plan};
use crate::store::{Store, StoreError};

/// What can be handed over now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Which jobs, by their place in the plan.
    pub open: Vec<bool>,
    /// Rungs of the race that are still to come.
    pub rungs: usize,
    /// What the race decided just now, in a sentence for each rung.
    pub news: Vec<String>,
}

impl Turn {
    /// The next turn of a study. Where all trainings of a race have come to a rung, it is decided, if `decides`;
    /// otherwise nothing is written. With `keep_failed`, what failed before is not tried again.
    ///
    /// # Errors
    /// A store that cannot be read or written.
    pub fn next(plan: &Plan, store: &Store, keep_failed: bool, decides: bool) -> Result<Self, StoreError> {
        let statuses = plan::status(plan, store)?;
        let lost = lost(plan, &statuses, keep_failed);
        let Some(mut race) = Racing::new(plan, store) else {
            return Ok(Self::of(plan, &statuses, &lost, &[]));
        };
        let gone: Vec<bool> = plan.race.iter().flat_map(|field| &field.entrants).map(|e| lost[e.job]).collect();
        let news = if decides { race.advance_without(&gone)? } else { race.follow(&gone) };
        // What was decided stops trainings.
        let statuses = if news.is_empty() { statuses } else { plan::status(plan, store)? };
        let at_rung = (0..plan.jobs.len()).map(|job| race.waits(job)).collect::<Result<Vec<_>, _>>()?;
        let rungs = race.rungs_left();
        let turn = Self::of(plan, &statuses, &lost, if rungs > 0 { &at_rung } else { &[] });
        Ok(Self { rungs, news, ..turn })
    }

    /// `at_rung` says which trainings wait at the next rung of a race; it is empty if there is none.
    fn of(plan: &Plan, statuses: &[JobStatus], lost: &[bool], at_rung: &[bool]) -> Self {
        let raced = |job: usize| plan.race.as_ref().is_some_and(|field| field.entrant(job).is_some());
        let mut later = vec![false; statuses.len()];
        let mut open = vec![false; statuses.len()];
        // A job stands after the jobs it needs: one pass is enough.
        for (index, job) in plan.jobs.iter().enumerate() {
            let unfinished = |need: usize| raced(need) && statuses[need] != JobStatus::Cached;
            later[index] = !at_rung.is_empty() && job.needs.iter().any(|need| later[*need] || unfinished(*need));
            let over = matches!(statuses[index], JobStatus::Cached | JobStatus::Raced { .. });
            open[index] = !over && !lost[index] && !later[index] && !at_rung.get(index).is_some_and(|waits| *waits);
        }
        Self { open, ..Self::default() }
    }
}

/// The jobs that nothing comes of: those that failed, if they stay failed, and those that need them.
fn lost(plan: &Plan, statuses: &[JobStatus], keep_failed: bool) -> Vec<bool> {
    let mut lost = vec![false; statuses.len()];
    for (index, job) in plan.jobs.iter().enumerate() {
        let failed = keep_failed && matches!(statuses[index], JobStatus::Failed { .. });
        lost[index] = statuses[index] != JobStatus::Cached && (failed || job.needs.iter().any(|need| lost[*need]));
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plan;
    use crate::engine::tests::race::{RUNGS, go_until_a_rung, raced_plan};
    use crate::stage::Stage;

    fn of_stage(plan: &Plan, turn: &Turn, stage: Stage) -> usize {
        plan.jobs.iter().zip(&turn.open).filter(|(job, open)| job.stage == stage && **open).count()
    }

    #[test]
    fn a_race_goes_from_rung_to_rung() {
        let (plan, folder) = (raced_plan(), tempfile::tempdir().unwrap());
        let next = |decides| Turn::next(&plan, &Store::reader(folder.path()), true, decides).unwrap();
        // 4 conditions, 3 seeds each; images come when their trainings are finished.
        let first = next(false);
        assert_eq!((first.rungs, of_stage(&plan, &first, Stage::Train)), (RUNGS.len(), 12));
        assert_eq!((of_stage(&plan, &first, Stage::Baseline), of_stage(&plan, &first, Stage::Generate)), (1, 0));
        // All but the last training come to the first rung: it alone is missing.
        go_until_a_rung(folder.path(), &plan, &plan.cells[..11]);
        assert_eq!(of_stage(&plan, &next(true), Stage::Train), 1);
        go_until_a_rung(folder.path(), &plan, &plan.cells[11..]);
        let looked = next(false);
        assert_eq!((looked.rungs, of_stage(&plan, &looked, Stage::Train)), (RUNGS.len(), 0), "nothing is decided yet");
        let decided = next(true);
        assert_eq!((decided.rungs, decided.news.len()), (RUNGS.len() - 1, 1), "{:?}", decided.news);
        assert_eq!(of_stage(&plan, &decided, Stage::Train), 9, "one condition is stopped");
        go_until_a_rung(folder.path(), &plan, &plan.cells);
        let last = next(true);
        assert_eq!((last.rungs, of_stage(&plan, &last, Stage::Train)), (0, 6));
        assert_eq!(of_stage(&plan, &last, Stage::Generate), 6, "after the last rung all that is left is handed over");
    }

    #[test]
    fn what_failed_stays_failed_if_it_is_wanted() {
        let (plan, folder) = (plan(&["A", "B"]), tempfile::tempdir().unwrap());
        let store = Store::open(folder.path()).unwrap();
        store.record_failure(Stage::Train, &plan.jobs[1].key, "loss is not finite").unwrap();
        let open = |keep_failed| Turn::next(&plan, &store, keep_failed, true).unwrap().open;
        assert_eq!(open(false), [true; 5]);
        assert_eq!(open(true), [true, false, false, true, true], "images of A need its training");
    }
}
