//! The loop: for each job of the plan, in the store? reuse : work → commit. A job that fails is recorded with
//! its reason and takes only its cells with it. Several runs may share a store: a job another process works on
//! is left to it, and other jobs are done meanwhile.

mod advice;
mod panics;
mod progress;
#[cfg(test)]
mod tests;

pub use advice::less_memory;
pub use panics::install_hook;

use crate::{
    event::{Event, Observer},
    plan::{self, JobStatus, Plan},
    stage::Stage,
    store::Store,
    worker::{StopFlag, Worker},
};
use progress::{Next, Progress};
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
    /// Why the report at the end could not be written.
    pub report_error: Option<String>,
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

impl Run<'_> {
    /// Does everything that is not done. `report` is called whenever a cell has ended by work of this run,
    /// and at the end; an error of the last one is told in the summary. If it is due to damaged results, these are made
    /// again. An error means that nothing can go on.
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
        let report_error = loop {
            self.work(&mut progress, worker, report)?;
            if progress.report_is_current {
                break None;
            }
            match report() {
                Ok(()) => break None,
                Err(_) if progress.drop_damaged()? => {}
                Err(error) => break Some(format!("{error:#}")),
            }
        };
        let summary = Summary { report_error, ..progress.summary() };
        self.observer.observe(&Event::RunFinished {
            done: summary.done.len(),
            failed: summary.failed.len(),
            skipped: summary.skipped.len(),
            seconds: begun.elapsed().as_secs_f64(),
        });
        Ok(summary)
    }

    /// Does one job after the other until none is left that can begin.
    fn work(
        &self,
        progress: &mut Progress<'_>,
        worker: &mut dyn Worker,
        report: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while !self.stop.is_set() && !progress.too_many_failed() {
            match progress.next()? {
                Next::Nothing => break,
                Next::Wait => self.sleep(),
                Next::Reused(job) => progress.reused(job),
                Next::Work(job, workspace) => {
                    progress.work(job, *workspace, worker)?;
                    // An error is told at the end if it is still there: the same words after every cell help nobody.
                    if progress.cells_ended() {
                        progress.report_is_current = report().is_ok();
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits for another process, but not for long after a signal.
    fn sleep(&self) {
        let until = Instant::now() + POLL;
        while Instant::now() < until && !self.stop.is_set() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
