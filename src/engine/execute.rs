//! The loop: for each job of the plan, in the store? reuse : work → commit.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::patience::{self, Patience};
use super::progress::{Next, Progress};
use super::run::{Run, Summary};
use crate::event::Event;
use crate::plan::{self, JobStatus};
use crate::worker::Worker;

/// How often a job of another process is asked for.
const POLL: Duration = Duration::from_millis(500);

impl Run<'_> {
    /// Does everything that is not done, then calls `report`. An error of the report is told in the summary; if it is
    /// due to damaged results, these are made again. Whoever wants to show more while work goes on listens to the
    /// events: a result is in the store before its event is told.
    ///
    /// # Errors
    /// A store that cannot be read or written, or a fatal error of the worker: nothing can go on.
    pub fn execute(
        &self,
        worker: &mut dyn Worker,
        report: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Summary> {
        let begun = Instant::now();
        let statuses = plan::status(self.plan, self.store)?;
        let is_open = |status: &&JobStatus| !matches!(status, JobStatus::Cached | JobStatus::Raced { .. });
        let todo = statuses.iter().filter(is_open).count();
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
        let mut progress = Progress::new(self, statuses, todo)?;
        let report_error = loop {
            self.work(&mut progress, worker)?;
            match report() {
                Ok(()) => break None,
                Err(_) if progress.drop_damaged()? => {}
                Err(error) => break Some(format!("{error:#}")),
            }
        };
        let summary = Summary { report_error, ..progress.summary()? };
        self.observer.observe(&Event::RunFinished {
            done: summary.done.len(),
            failed: summary.failed.len(),
            skipped: summary.skipped.len(),
            raced: summary.raced.len(),
            seconds: begun.elapsed().as_secs_f64(),
        });
        Ok(summary)
    }

    /// Does one job after the other until none is left that can begin. What may pass is waited for.
    fn work(&self, progress: &mut Progress<'_>, worker: &mut dyn Worker) -> anyhow::Result<()> {
        let mut patience = Patience::default();
        while !progress.is_over() {
            let done = progress.next().and_then(|next| match next {
                Next::Nothing => Ok(ControlFlow::Break(())),
                Next::Wait => {
                    self.sleep(POLL);
                    Ok(ControlFlow::Continue(()))
                }
                Next::Reused(job) => {
                    progress.reused(job);
                    Ok(ControlFlow::Continue(()))
                }
                Next::Work(job, workspace) => {
                    progress.work(job, *workspace, worker)?;
                    patience.renew();
                    Ok(ControlFlow::Continue(()))
                }
            });
            match done {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(error) => {
                    let Some((attempt, pause)) = patience.after(&error) else { return Err(error) };
                    let (reason, most, seconds) = (format!("{error:#}"), patience::MOST, pause.as_secs_f64());
                    self.observer.observe(&Event::Retrying { reason, seconds, attempt, most });
                    self.sleep(pause);
                }
            }
        }
        Ok(())
    }

    /// Waits, but not for long after a signal.
    fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.stop.is_set() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
