//! The state of a run: which jobs are done, which may begin, what happened to the others.

use super::{
    FailedCell, Run, Summary,
    advice::{less_memory, with_advice},
    panics,
};
use crate::{
    event::Event,
    plan::{Job, JobStatus},
    stage::Stage,
    store::{self, Artifact, Claim, Earlier, Made, StoreError, Workspace},
    worker::{Context, StageError, Worker},
};
use anyhow::Context as _;
use std::time::Instant;

/// So often a job is begun again because something is damaged; more means that the disk or the memory is.
const MOST_REPEATS: u32 = 2;

/// What is known of a job during the run.
enum State {
    Pending,
    Done(Box<Artifact>),
    Failed(String),
    /// A job it needs failed, or all its cells did.
    Dropped,
}

/// What to do next.
pub(super) enum Next {
    /// Every job has ended.
    Nothing,
    /// All jobs that could begin are worked on by other processes.
    Wait,
    /// The result of this job is in the store.
    Reused(usize),
    /// This job is ours.
    Work(usize, Box<Workspace>),
}

/// The state of a run.
pub(super) struct Progress<'a> {
    run: &'a Run<'a>,
    states: Vec<State>,
    statuses: Vec<JobStatus>,
    /// Jobs already announced as worked on by others.
    waited_for: Vec<bool>,
    /// How often a job was begun because something it reads or wrote was damaged.
    repeats: Vec<u32>,
    /// Cells that had ended when [`Self::cells_ended`] was asked last.
    ended: usize,
    begun: usize,
    todo: usize,
    pub(super) report_is_current: bool,
}

impl<'a> Progress<'a> {
    pub(super) fn new(run: &'a Run<'a>, statuses: Vec<JobStatus>, todo: usize) -> Self {
        let n = statuses.len();
        let states = (0..n).map(|_| State::Pending).collect();
        Self {
            run,
            states,
            statuses,
            waited_for: vec![false; n],
            repeats: vec![0; n],
            ended: 0,
            begun: 0,
            todo,
            report_is_current: false,
        }
    }

    fn job(&self, index: usize) -> &'a Job {
        &self.run.plan.jobs[index]
    }

    /// The first pending job that can begin now.
    pub(super) fn next(&mut self) -> anyhow::Result<Next> {
        let mut busy = false;
        for index in 0..self.states.len() {
            if !matches!(self.states[index], State::Pending) {
                continue;
            }
            let job = self.job(index);
            let dropped = job.needs.iter().any(|&n| matches!(self.states[n], State::Failed(_) | State::Dropped));
            if dropped || job.cells.iter().all(|&cell| self.failure_of(cell).is_some()) {
                self.states[index] = State::Dropped;
                continue;
            }
            if !job.needs.iter().all(|&n| matches!(self.states[n], State::Done(_))) {
                continue;
            }
            match self.run.store.claim(job.stage, &job.inputs)? {
                Claim::Done(artifact) => {
                    self.states[index] = State::Done(Box::new(artifact));
                    return Ok(Next::Reused(index));
                }
                Claim::Work(workspace) => return Ok(Next::Work(index, Box::new(workspace))),
                Claim::Busy => {
                    busy = true;
                    if !std::mem::replace(&mut self.waited_for[index], true) {
                        self.tell(&Event::JobWaiting {
                            stage: job.stage,
                            label: job.label.clone(),
                            key: job.key.to_string(),
                        });
                    }
                }
            }
        }
        Ok(if busy { Next::Wait } else { Next::Nothing })
    }

    pub(super) fn reused(&mut self, index: usize) {
        let job = self.job(index);
        self.tell(&Event::JobReused { stage: job.stage, label: job.label.clone(), key: job.key.to_string() });
    }

    /// Does a job and notes its end. An error stops the whole run.
    pub(super) fn work(&mut self, index: usize, workspace: Workspace, worker: &mut dyn Worker) -> anyhow::Result<()> {
        let job = self.job(index);
        self.report_is_current = false;
        self.begun += 1;
        let reason = match &self.statuses[index] {
            JobStatus::Cached => "the stored result is gone or damaged".to_owned(),
            JobStatus::Todo { reason } => reason.clone(),
            JobStatus::Failed { reason } => format!("failed last time: {reason}"),
        };
        self.tell(&Event::JobStarted {
            stage: job.stage,
            label: job.label.clone(),
            key: job.key.to_string(),
            reason,
            index: self.begun,
            todo: self.todo.max(self.begun),
        });
        self.tell_of_earlier_attempt(job, &workspace);
        crate::kernels::release_freed_memory();
        store::reset_peak_memory();
        let begun = Instant::now();
        let needs = |stage| {
            job.needs.iter().find_map(|&n| match &self.states[n] {
                State::Done(artifact) if self.job(n).stage == stage => Some(&**artifact),
                _ => None,
            })
        };
        let context =
            Context { workspace: &workspace, needs: &needs, observer: self.run.observer, stop: self.run.stop };
        let result = panics::catch(|| worker.execute(job, &context)).unwrap_or_else(|bug| Err(StageError::Failed(bug)));
        let seconds = begun.elapsed().as_secs_f64();
        let output = match result {
            Ok(output) => output,
            Err(error) => {
                workspace.end_attempt(seconds)?;
                if !matches!(error, StageError::Stopped) {
                    worker.reset();
                }
                return self.not_done(index, error);
            }
        };
        let made = Made { seconds, device: output.device, threads: output.threads };
        let artifact = match workspace.commit(output.info, &made) {
            Err(error) if error.is_damage() => return self.repeat(index, &error),
            committed => committed?,
        };
        self.tell(&Event::JobFinished {
            stage: job.stage,
            label: job.label.clone(),
            key: job.key.to_string(),
            seconds,
        });
        self.states[index] = State::Done(Box::new(artifact));
        Ok(())
    }

    fn not_done(&mut self, index: usize, error: StageError) -> anyhow::Result<()> {
        let job = self.job(index);
        match error {
            StageError::Stopped => self.run.stop.stop(),
            StageError::Fatal(error) => {
                return Err(error).with_context(|| format!("{} {} could not go on", job.stage, job.label));
            }
            StageError::Damaged(error) => return self.repeat(index, &error),
            StageError::Failed(reason) => self.failed(index, &with_advice(&reason, &job.settings, &self.run.device))?,
        }
        Ok(())
    }

    fn failed(&mut self, index: usize, reason: &str) -> anyhow::Result<()> {
        let job = self.job(index);
        self.run.store.record_failure(job.stage, &job.key, reason)?;
        let cells = job.cells.iter().map(|&cell| self.run.plan.cells[cell].label.clone()).collect();
        self.tell(&Event::JobFailed { stage: job.stage, label: job.label.clone(), reason: reason.to_owned(), cells });
        self.states[index] = State::Failed(reason.to_owned());
        Ok(())
    }

    /// Something that a job reads or wrote is damaged: what it needs is made again where that is the cause, then the
    /// job is tried again. More than a few times means that the disk or the memory cannot be trusted.
    fn repeat(&mut self, index: usize, error: &StoreError) -> anyhow::Result<()> {
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
    pub(super) fn drop_damaged(&mut self) -> anyhow::Result<bool> {
        let mut found = false;
        for index in 0..self.states.len() {
            found |= matches!(self.states[index], State::Done(_)) && self.drop_if_damaged(index)?;
        }
        Ok(found)
    }

    fn drop_if_damaged(&mut self, index: usize) -> anyhow::Result<bool> {
        let job = self.job(index);
        if self.repeats[index] >= MOST_REPEATS || !self.run.store.drop_damaged(job.stage, &job.key)? {
            return Ok(false);
        }
        self.repeats[index] += 1;
        self.states[index] = State::Pending;
        Ok(true)
    }

    /// An attempt that was killed could not say so itself.
    fn tell_of_earlier_attempt(&self, job: &Job, workspace: &Workspace) {
        let Earlier { died, damaged } = workspace.earlier();
        if *died {
            self.tell(&Event::Note {
                message: format!(
                    "the last attempt at {} {} was cut short: by a second Ctrl-C, a kill, a crash, or because memory ran out \
                     ({})",
                    job.stage,
                    job.label,
                    less_memory(Some((&job.settings, &self.run.device)))
                ),
            });
        }
        if !damaged.is_empty() {
            let message = format!("damaged files of the last attempt are made again: {}", damaged.join(", "));
            self.tell(&Event::Warning { message });
        }
    }

    fn tell(&self, event: &Event) {
        self.run.observer.observe(event);
    }

    /// The first failed job of a cell.
    fn failure_of(&self, cell: usize) -> Option<(Stage, &str)> {
        self.run.plan.cells[cell].jobs.iter().find_map(|(stage, &job)| match &self.states[job] {
            State::Failed(reason) => Some((*stage, reason.as_str())),
            _ => None,
        })
    }

    fn is_done(&self, cell: usize) -> bool {
        self.run.plan.cells[cell].jobs.values().all(|&job| matches!(self.states[job], State::Done(_)))
    }

    /// Whether more cells have ended than at the last call.
    pub(super) fn cells_ended(&mut self) -> bool {
        let cells = 0..self.run.plan.cells.len();
        let now = cells.filter(|&cell| self.is_done(cell) || self.failure_of(cell).is_some()).count();
        std::mem::replace(&mut self.ended, now) < now
    }

    pub(super) fn too_many_failed(&self) -> bool {
        let failed = || (0..self.run.plan.cells.len()).filter(|&cell| self.failure_of(cell).is_some()).count();
        self.run.max_fail.is_some_and(|most| failed() >= most.max(1))
    }

    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for (index, cell) in self.run.plan.cells.iter().enumerate() {
            let label = cell.label.clone();
            if self.is_done(index) {
                summary.done.push(label);
            } else if let Some((stage, reason)) = self.failure_of(index) {
                summary.failed.push(FailedCell { label, stage, reason: reason.to_owned() });
            } else {
                summary.skipped.push(label);
            }
        }
        summary.stopped = self.run.stop.is_set() && !summary.skipped.is_empty();
        summary
    }
}
