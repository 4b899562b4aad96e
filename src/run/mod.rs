//! The loop: for each job of the plan, in the store? reuse : work → commit. A job that fails is recorded with
//! its reason and takes only its cells with it. Several runs may share a store: a job another process works on
//! is left to it, and other jobs are done meanwhile.

mod panics;
#[cfg(test)]
mod tests;

pub use panics::install_hook;

use crate::{
    event::{Event, Observer},
    plan::{self, Job, JobStatus, Plan},
    stage::Stage,
    stages::{Context, StageError, StopFlag, Worker},
    store::{self, Artifact, Claim, Made, Store, Workspace},
};
use anyhow::Context as _;
use std::time::{Duration, Instant};

/// How often a job of another process is asked for.
const POLL: Duration = Duration::from_millis(500);

/// Everything a run needs but the worker.
pub struct Run<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// Where results are and go.
    pub store: &'a Store,
    /// Who is told.
    pub observer: &'a dyn Observer,
    /// Ends the run after the current step.
    pub stop: &'a StopFlag,
    /// Begin nothing new after that many failed cells.
    pub max_fail: Option<usize>,
    /// Where tensors live, for the first event.
    pub device: String,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Labels of the cells with all results.
    pub done: Vec<String>,
    /// The cells that failed.
    pub failed: Vec<FailedCell>,
    /// Labels of the cells that were not finished: stopped, or `max_fail` reached.
    pub skipped: Vec<String>,
    /// Whether the stop flag ended the run.
    pub stopped: bool,
}

/// A cell without all its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCell {
    /// The cell.
    pub label: String,
    /// The job that failed first.
    pub stage: Stage,
    /// Why, for the user.
    pub reason: String,
}

/// What is known of a job during the run.
enum State {
    Pending,
    Done(Box<Artifact>),
    Failed(String),
    /// A job it needs failed, or all its cells did.
    Dropped,
}

impl Run<'_> {
    /// Does everything that is not done. `report` is called whenever a cell has ended by work of this run,
    /// and at the end; its errors are told as warnings. An error means that nothing can go on.
    pub fn execute(
        &self,
        worker: &mut dyn Worker,
        report: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Summary> {
        let begun = Instant::now();
        let statuses = plan::status(self.plan, self.store)?;
        let todo = statuses.iter().filter(|status| **status != JobStatus::Cached).count();
        self.observer.observe(&Event::RunStarted {
            name: self.plan.name.clone(),
            cells: self.plan.cells.len(),
            jobs: self.plan.jobs.len(),
            todo,
            device: self.device.clone(),
        });
        for message in &self.plan.notices {
            self.observer.observe(&Event::Warning { message: message.clone() });
        }
        let mut progress = Progress::new(self, statuses, todo);
        while !self.stop.is_set() && !progress.too_many_failed() {
            match progress.next()? {
                Next::Nothing => break,
                Next::Wait => self.sleep(),
                Next::Reused(job) => progress.reused(job),
                Next::Work(job, workspace) => {
                    progress.work(job, *workspace, worker)?;
                    if progress.cells_ended() {
                        self.report(report);
                        progress.report_is_current = true;
                    }
                }
            }
        }
        if !progress.report_is_current {
            self.report(report);
        }
        let summary = progress.summary();
        self.observer.observe(&Event::RunFinished {
            done: summary.done.len(),
            failed: summary.failed.len(),
            skipped: summary.skipped.len(),
            seconds: begun.elapsed().as_secs_f64(),
        });
        Ok(summary)
    }

    fn report(&self, report: &mut dyn FnMut() -> anyhow::Result<()>) {
        if let Err(error) = report() {
            self.observer.observe(&Event::Warning { message: format!("the report was not written: {error:#}") });
        }
    }

    /// Waits for another process, but not for long after a signal.
    fn sleep(&self) {
        let until = Instant::now() + POLL;
        while Instant::now() < until && !self.stop.is_set() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What to do next.
enum Next {
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
struct Progress<'a> {
    run: &'a Run<'a>,
    states: Vec<State>,
    statuses: Vec<JobStatus>,
    /// Jobs already announced as worked on by others.
    waited_for: Vec<bool>,
    /// Cells that had ended when [`Self::cells_ended`] was asked last.
    ended: usize,
    begun: usize,
    todo: usize,
    report_is_current: bool,
}

impl<'a> Progress<'a> {
    fn new(run: &'a Run<'a>, statuses: Vec<JobStatus>, todo: usize) -> Self {
        let n = statuses.len();
        let states = (0..n).map(|_| State::Pending).collect();
        let waited_for = vec![false; n];
        Self { run, states, statuses, waited_for, ended: 0, begun: 0, todo, report_is_current: false }
    }

    fn job(&self, index: usize) -> &'a Job {
        &self.run.plan.jobs[index]
    }

    /// The first pending job that can begin now.
    fn next(&mut self) -> anyhow::Result<Next> {
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

    fn reused(&mut self, index: usize) {
        let job = self.job(index);
        self.tell(&Event::JobReused { stage: job.stage, label: job.label.clone(), key: job.key.to_string() });
    }

    /// Does a job and notes its end. An error stops the whole run.
    fn work(&mut self, index: usize, workspace: Workspace, worker: &mut dyn Worker) -> anyhow::Result<()> {
        let job = self.job(index);
        self.report_is_current = false;
        self.begun += 1;
        let reason = match &self.statuses[index] {
            JobStatus::Cached => "the stored result is gone".to_owned(),
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
                workspace.add_seconds(seconds)?;
                if !matches!(error, StageError::Stopped) {
                    worker.reset();
                }
                return self.not_done(index, error);
            }
        };
        let made = Made { seconds, device: output.device, threads: output.threads };
        let artifact = workspace.commit(output.info, &made)?;
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
            StageError::Failed(reason) => {
                let reason = with_advice(&reason);
                self.run.store.record_failure(job.stage, &job.key, &reason)?;
                let cells = job.cells.iter().map(|&cell| self.run.plan.cells[cell].label.clone()).collect();
                self.tell(&Event::JobFailed {
                    stage: job.stage,
                    label: job.label.clone(),
                    reason: reason.clone(),
                    cells,
                });
                self.states[index] = State::Failed(reason);
            }
        }
        Ok(())
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
    fn cells_ended(&mut self) -> bool {
        let cells = 0..self.run.plan.cells.len();
        let now = cells.filter(|&cell| self.is_done(cell) || self.failure_of(cell).is_some()).count();
        std::mem::replace(&mut self.ended, now) < now
    }

    fn too_many_failed(&self) -> bool {
        let failed = || (0..self.run.plan.cells.len()).filter(|&cell| self.failure_of(cell).is_some()).count();
        self.run.max_fail.is_some_and(|most| failed() >= most.max(1))
    }

    fn summary(&self) -> Summary {
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

/// Adds what to do to a reason that speaks of memory.
fn with_advice(reason: &str) -> String {
    let lower = reason.to_lowercase();
    let memory = ["out of memory", "out_of_memory", "failed to allocate", "memory allocation"];
    if memory.iter().any(|words| lower.contains(words)) {
        format!(
            "{reason}\nto need less memory: train.gradient_checkpointing = true, train.batch_size = 1, \
             generate.batch_size = 1, a smaller dataset.resolution, model.dtype = \"bf16\", or on a CPU model.low_memory = true"
        )
    } else {
        reason.to_owned()
    }
}
