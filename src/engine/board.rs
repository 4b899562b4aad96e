//! What is known of every job of a run: its state, its result, why it failed.

use super::ready::{CellState, JobState, cell_state};
use super::run::{Run, Summary};
use crate::event::{Event, JobName};
use crate::experiment::Settings;
use crate::plan::{Job, JobStatus};
use crate::store::{Artifact, Failure, StoreError};

/// So often a job is begun again because something is damaged; more means that the disk or the memory is.
const MOST_REPEATS: u32 = 2;

/// What is known of every job of a run.
pub(super) struct Board<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) states: Vec<JobState>,
    /// Results of the jobs that are done.
    pub(super) artifacts: Vec<Option<Artifact>>,
    /// What the store said of each job when the run began.
    pub(super) statuses: Vec<JobStatus>,
    /// Why jobs failed.
    reasons: Vec<Option<String>>,
    /// How often a job was begun because something it reads or wrote was damaged.
    repeats: Vec<u32>,
    /// The failures that were recorded when the run began: a new one is of another process that works beside us. If
    /// what failed before is not tried again, none counts as known.
    failures: Vec<Option<Failure>>,
}

impl<'a> Board<'a> {
    /// Nothing is begun yet.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn new(run: &'a Run<'a>, statuses: Vec<JobStatus>) -> Result<Self, StoreError> {
        let n = statuses.len();
        let failures = match run.terms.keep_failed {
            true => vec![None; n],
            false => {
                let failures = run.plan.jobs.iter().map(|job| run.store.failure(job.stage, &job.key));
                failures.collect::<Result<_, _>>()?
            }
        };
        let (states, artifacts, reasons) = (vec![JobState::Pending; n], vec![None; n], vec![None; n]);
        Ok(Self { run, states, artifacts, statuses, reasons, repeats: vec![0; n], failures })
    }

    pub(super) fn job(&self, index: usize) -> &'a Job {
        &self.run.plan.jobs[index]
    }

    /// The settings of the first cell that needs a job.
    pub(super) fn settings(&self, job: &Job) -> &'a Settings {
        &self.run.plan.cells[job.cells[0]].settings
    }

    /// What events call a job.
    pub(super) fn name(&self, index: usize) -> JobName {
        let job = self.job(index);
        let (worker, label, key) = (self.run.worker.clone(), job.label.clone(), job.key.to_string());
        JobName { job: index, worker, stage: job.stage, label, key }
    }

    pub(super) fn tell(&self, event: &Event) {
        self.run.observer.observe(event);
    }

    pub(super) fn done(&mut self, index: usize, artifact: Artifact) {
        self.states[index] = JobState::Done;
        self.artifacts[index] = Some(artifact);
    }

    /// The failure that another process recorded since this run began: the job is not tried again at once.
    pub(super) fn failed_elsewhere(&self, index: usize) -> Result<Option<Failure>, StoreError> {
        let job = self.job(index);
        let failure = self.run.store.failure(job.stage, &job.key)?;
        Ok(failure.filter(|failure| Some(failure) != self.failures[index].as_ref()))
    }

    /// Records that a job failed.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub(super) fn failed(&mut self, index: usize, reason: &str) -> Result<(), StoreError> {
        let job = self.job(index);
        self.run.store.record_failure(job.stage, &job.key, reason)?;
        self.note_failure(index, reason);
        Ok(())
    }

    /// Takes note of a failure that is recorded.
    pub(super) fn note_failure(&mut self, index: usize, reason: &str) {
        let job = self.job(index);
        let cells = job.cells.iter().map(|&cell| self.run.plan.cells[cell].label.clone()).collect();
        self.tell(&Event::JobFailed { job: self.name(index), reason: reason.to_owned(), cells });
        self.states[index] = JobState::Failed;
        self.reasons[index] = Some(reason.to_owned());
    }

    /// Something that a job reads or wrote is damaged: what it needs is made again where that is the cause, then the
    /// job is tried again. More than a few times means that the disk or the memory cannot be trusted.
    ///
    /// # Errors
    /// A store that cannot be read or written.
    pub(super) fn repeat(&mut self, index: usize, error: &StoreError) -> Result<(), StoreError> {
        self.states[index] = JobState::Pending;
        self.repeats[index] += 1;
        if self.repeats[index] > MOST_REPEATS {
            let reason =
                format!("{error}\nthis happened {} times in a row: check the disk and the memory", MOST_REPEATS + 1);
            return self.failed(index, &reason);
        }
        self.tell(&Event::Warning { message: format!("{error}") });
        for &need in &self.job(index).needs {
            self.drop_if_damaged(need)?;
        }
        Ok(())
    }

    /// Looks closely at every result; those that are damaged are to be made again. Says whether there were any.
    ///
    /// # Errors
    /// A store that cannot be read or written.
    pub(super) fn drop_damaged(&mut self) -> Result<bool, StoreError> {
        let mut found = false;
        for index in 0..self.states.len() {
            found |= self.states[index] == JobState::Done && self.drop_if_damaged(index)?;
        }
        Ok(found)
    }

    fn drop_if_damaged(&mut self, index: usize) -> Result<bool, StoreError> {
        let job = self.job(index);
        if self.repeats[index] >= MOST_REPEATS || !self.run.store.drop_damaged(job.stage, &job.key)? {
            return Ok(false);
        }
        self.repeats[index] += 1;
        self.states[index] = JobState::Pending;
        self.artifacts[index] = None;
        Ok(true)
    }

    /// Whether so many cells failed that nothing new may begin.
    pub(super) fn too_many_failed(&self) -> bool {
        let states = || (0..self.run.plan.cells.len()).map(|cell| cell_state(self.run.plan, &self.states, cell));
        let failed = || states().filter(|state| matches!(state, CellState::Failed(_))).count();
        self.run.max_fail.is_some_and(|most| failed() >= most.max(1))
    }

    /// How the cells stand.
    pub(super) fn summary(&self) -> Summary {
        Summary::of(self.run.plan, &self.states, &self.reasons)
    }
}
