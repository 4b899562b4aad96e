//! Which jobs may start, given what is known of the others. Pure: nothing is read or written here.

use crate::plan::Plan;

/// What is known of a job during the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobState {
    /// Not begun by this run.
    Pending,
    /// Being worked on.
    Claimed,
    /// Its result is in the store.
    Done,
    /// It failed.
    Failed,
    /// A job it needs failed or was stopped, or all its cells were.
    Dropped,
    /// The race stopped this training.
    Raced,
}

/// What is known of a cell during the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellState {
    /// It has all results.
    Done,
    /// This job of it failed first.
    Failed(usize),
    /// The race stopped its training.
    Raced,
    /// None of these.
    Open,
}

/// The state of a cell by the states of all jobs.
pub(super) fn cell_state(plan: &Plan, states: &[JobState], cell: usize) -> CellState {
    let jobs = || plan.cells[cell].jobs.iter().map(|(_, job)| *job);
    match jobs().find(|&job| states[job] == JobState::Failed) {
        Some(job) => CellState::Failed(job),
        None if jobs().all(|job| states[job] == JobState::Done) => CellState::Done,
        None if jobs().any(|job| states[job] == JobState::Raced) => CellState::Raced,
        None => CellState::Open,
    }
}

/// Drops the pending jobs that cannot start any more, or that nobody needs any more.
pub(super) fn drop_hopeless(plan: &Plan, states: &mut [JobState]) {
    // A job stands after the jobs it needs: one pass is enough.
    for (index, job) in plan.jobs.iter().enumerate() {
        let failed = |need: &usize| matches!(states[*need], JobState::Failed | JobState::Dropped | JobState::Raced);
        let is_lost = |cell: &usize| matches!(cell_state(plan, states, *cell), CellState::Failed(_) | CellState::Raced);
        if states[index] == JobState::Pending && (job.needs.iter().any(failed) || job.cells.iter().all(is_lost)) {
            states[index] = JobState::Dropped;
        }
    }
}

/// The pending jobs whose needs are all done, in plan order.
pub(super) fn ready(plan: &Plan, states: &[JobState]) -> Vec<usize> {
    let may_start = |index: &usize| {
        states[*index] == JobState::Pending
            && plan.jobs[*index].needs.iter().all(|need| states[*need] == JobState::Done)
    };
    (0..plan.jobs.len()).filter(may_start).collect()
}

/// Whether a job is pending and one of the kind that `wanted` names, or such a job needs it, even through others.
pub(super) fn is_needed(plan: &Plan, states: &[JobState], job: usize, wanted: &dyn Fn(usize) -> bool) -> bool {
    let mut needed = vec![false; plan.jobs.len()];
    // A job stands after the jobs it needs: from the last to the first, one pass is enough.
    for index in (0..plan.jobs.len()).rev() {
        needed[index] |= states[index] == JobState::Pending && wanted(index);
        if needed[index] {
            plan.jobs[index].needs.iter().for_each(|&need| needed[need] = true);
        }
    }
    needed[job]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plan;

    /// Cells A and B: job 0 is the shared baseline, 1 and 3 train, 2 and 4 generate.
    #[test]
    fn a_job_starts_when_all_it_needs_is_done() {
        let plan = plan(&["A", "B"]);
        let mut states = [JobState::Pending; 5];
        assert_eq!(ready(&plan, &states), [0, 1, 3]);
        states[0] = JobState::Claimed;
        assert_eq!(ready(&plan, &states), [1, 3]);
        (states[0], states[1]) = (JobState::Done, JobState::Done);
        assert_eq!(ready(&plan, &states), [2, 3]);
        states[2] = JobState::Done;
        let cells = [0, 1].map(|cell| cell_state(&plan, &states, cell));
        assert_eq!(cells, [CellState::Done, CellState::Open]);
    }

    #[test]
    fn a_job_is_needed_for_those_that_wait_for_it() {
        let plan = plan(&["A", "B"]);
        let mut states = [JobState::Pending; 5];
        let needed = |states: &[JobState], wanted: usize| -> Vec<usize> {
            (0..5).filter(|job| is_needed(&plan, states, *job, &|index| index == wanted)).collect()
        };
        assert_eq!(needed(&states, 2), [0, 1, 2]);
        assert_eq!(needed(&states, 3), [3]);
        states[2] = JobState::Dropped;
        assert!(needed(&states, 2).is_empty());
    }

    #[test]
    fn what_a_failed_job_takes_with_it_is_dropped() {
        let plan = plan(&["A", "B"]);
        let mut states = [JobState::Pending; 5];
        states[1] = JobState::Failed;
        drop_hopeless(&plan, &mut states);
        assert_eq!(states[2], JobState::Dropped);
        assert_eq!(ready(&plan, &states), [0, 3]);
        assert_eq!(cell_state(&plan, &states, 0), CellState::Failed(1));
        states[0] = JobState::Failed;
        drop_hopeless(&plan, &mut states);
        assert!(ready(&plan, &states).is_empty());
    }
}
