//! The way of one job that was claimed: work, then commit, or what else came of it.

use std::time::Instant;

use anyhow::Context as _;

use super::advice::{less_memory, with_advice};
use super::board::Board;
use super::panics;
use super::ready::JobState;
use crate::event::Event;
use crate::kernels;
use crate::plan::{Job, JobStatus};
use crate::store::{self, Artifact, Earlier, Made, StoreError, Workspace};
use crate::worker::{Context, StageError, Worker};

/// One attempt at a job.
pub(super) struct Attempt<'b, 'a> {
    pub(super) board: &'b mut Board<'a>,
    /// The job, by its place in the plan.
    pub(super) index: usize,
    /// Which of the jobs that are begun it is, from 1, and how many there are to do.
    pub(super) place: [usize; 2],
    /// The step until which a training may go now.
    pub(super) until: Option<u64>,
}

impl Attempt<'_, '_> {
    /// Does the job and notes its end. An error stops the whole run.
    pub(super) fn make(mut self, workspace: Workspace, worker: &mut dyn Worker) -> anyhow::Result<()> {
        let (index, job) = (self.index, self.board.job(self.index));
        self.board.states[index] = JobState::Claimed;
        let reason = match &self.board.statuses[index] {
            JobStatus::Cached => "the stored result is gone or damaged".to_owned(),
            JobStatus::Todo { reason } | JobStatus::Damaged { reason } | JobStatus::Raced { reason } => reason.clone(),
            JobStatus::Failed { reason } => format!("failed last time: {reason}"),
        };
        let (name, [place, todo]) = (self.board.name(index), self.place);
        self.board.tell(&Event::JobStarted { job: name.clone(), reason, index: place, todo });
        self.tell_of_earlier_attempt(job, &workspace);
        kernels::release_freed_memory();
        store::reset_peak_memory();
        let begun = Instant::now();
        let needs: Vec<&Artifact> = job.needs.iter().filter_map(|&need| self.board.artifacts[need].as_ref()).collect();
        let (observer, stop) = (self.board.run.observer, self.board.run.stop);
        let context = Context { job: &name, workspace: &workspace, needs: &needs, observer, stop, until: self.until };
        let result = panics::catch(|| worker.execute(job, &context)).unwrap_or_else(|bug| Err(StageError::Failed(bug)));
        let seconds = begun.elapsed().as_secs_f64();
        self.board.states[index] = JobState::Pending;
        let output = match result {
            Ok(output) => output,
            Err(_) if workspace.is_lost() => {
                worker.reset();
                self.lost();
                return Ok(());
            }
            Err(error) => {
                workspace.end_attempt(seconds)?;
                if !matches!(error, StageError::Stopped | StageError::Paused(_)) {
                    worker.reset();
                }
                return self.not_done(error);
            }
        };
        match workspace.commit(&Made { seconds, device: output.device, threads: output.threads }) {
            Err(StoreError::Lost { .. }) => self.lost(),
            Err(error) if error.is_damage() => self.board.repeat(index, &error)?,
            committed => {
                let artifact = committed?;
                self.board.tell(&Event::JobFinished { job: name, seconds });
                self.board.done(index, artifact);
            }
        }
        Ok(())
    }

    fn not_done(&mut self, error: StageError) -> anyhow::Result<()> {
        let (index, job) = (self.index, self.board.job(self.index));
        match error {
            StageError::Stopped => self.board.run.stop.stop(),
            StageError::Paused(done) => {
                let total = self.board.settings(job).train.recipe.steps as u64;
                self.board.tell(&Event::JobPaused { job: self.board.name(index), done, total });
            }
            StageError::Fatal(error) => {
                return Err(error).with_context(|| format!("{} {} could not go on", job.stage, job.label));
            }
            StageError::Lost(_) => self.lost(),
            StageError::Damaged(error) => self.board.repeat(index, &error)?,
            StageError::Failed(reason) => {
                let reason = with_advice(&reason, self.board.settings(job), &self.board.run.device);
                self.board.failed(index, &reason)?;
            }
        }
        Ok(())
    }

    /// Another process has the job now: it is waited for, as for any that others do.
    fn lost(&self) {
        let job = self.board.job(self.index);
        let message = format!(
            "{} {} is left to another runner, which took it over: nothing was heard of this one for too long (was it \
             suspended, or did the file system not answer?)",
            job.stage, job.label
        );
        self.board.tell(&Event::Warning { message });
    }

    /// An attempt that was killed could not say so itself.
    fn tell_of_earlier_attempt(&self, job: &Job, workspace: &Workspace) {
        let Earlier { died, damaged } = workspace.earlier();
        if *died {
            self.board.tell(&Event::Note {
                message: format!(
                    "the last attempt at {} {} was cut short: by a second Ctrl-C, a kill, a crash, or because memory \
                     ran out ({})",
                    job.stage,
                    job.label,
                    less_memory(Some((self.board.settings(job), &self.board.run.device)))
                ),
            });
        }
        if !damaged.is_empty() {
            let message = format!("damaged files of the last attempt are made again: {}", damaged.join(", "));
            self.board.tell(&Event::Warning { message });
        }
    }
}
