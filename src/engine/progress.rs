//! The state of a run, and the way of one job: claim, work, commit.

use super::{
    advice::{less_memory, with_advice},
    order::{Order, longest_first, longest_paths},
    panics,
    ready::{CellState, JobState, cell_state, drop_hopeless, is_needed, ready},
    run::{Run, Summary},
};
use crate::{
    event::{Event, JobName},
    experiment::Settings,
    kernels,
    plan::{self, Job, JobStatus},
    store::{self, Artifact, Attempt, Claim, Earlier, Failure, Made, StoreError, Workspace},
    worker::{Context, StageError, Worker},
};
use anyhow::Context as _;
use std::time::Instant;

/// So often a job is begun again because something is damaged; more means that the disk or the memory is.
const MOST_REPEATS: u32 = 2;

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
    states: Vec<JobState>,
    /// Results of the jobs that are done.
    artifacts: Vec<Option<Artifact>>,
    /// Why jobs failed.
    reasons: Vec<Option<String>>,
    statuses: Vec<JobStatus>,
    /// Jobs already announced as worked on by others.
    waited_for: Vec<bool>,
    /// How often a job was begun because something it reads or wrote was damaged.
    repeats: Vec<u32>,
    /// The failures that were recorded when the run began: a new one is of another process that works beside us.
    failures: Vec<Option<Failure>>,
    /// Seconds of each job, and of the longest path that begins with it, if they are asked for.
    seconds: Vec<Option<f64>>,
    paths: Vec<f64>,
    /// Whether a job was left because it would not end in time.
    out_of_time: bool,
    begun: usize,
    todo: usize,
}

impl<'a> Progress<'a> {
    /// Nothing is begun yet.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn new(run: &'a Run<'a>, statuses: Vec<JobStatus>, todo: usize) -> anyhow::Result<Self> {
        let n = statuses.len();
        let failures = run.plan.jobs.iter().map(|job| run.store.failure(job.stage, &job.key));
        let mut new = Self {
            run,
            states: vec![JobState::Pending; n],
            artifacts: vec![None; n],
            reasons: vec![None; n],
            statuses,
            waited_for: vec![false; n],
            repeats: vec![0; n],
            failures: failures.collect::<Result<_, _>>()?,
            seconds: vec![None; n],
            paths: vec![0.0; n],
            out_of_time: false,
            begun: 0,
            todo,
        };
        new.judge();
        Ok(new)
    }

    /// Judges how long jobs take, by what is in the store by now.
    fn judge(&mut self) {
        if self.run.terms.need_estimates() && self.seconds.iter().any(Option::is_none) {
            self.seconds = plan::seconds(self.run.plan, self.run.store);
            self.paths = longest_paths(self.run.plan, &self.seconds);
        }
    }

    /// The jobs that can begin, in the order in which they are wanted.
    fn ready(&self) -> Vec<usize> {
        let mut jobs = ready(self.run.plan, &self.states);
        match self.run.terms.order {
            Order::CellByCell => {}
            Order::LongestFirst => longest_first(&mut jobs, &self.paths),
        }
        jobs
    }

    fn job(&self, index: usize) -> &'a Job {
        &self.run.plan.jobs[index]
    }

    /// The settings of the first cell that needs a job.
    fn settings(&self, job: &Job) -> &'a Settings {
        &self.run.plan.cells[job.cells[0]].settings
    }

    /// What events call a job.
    fn name(&self, index: usize) -> JobName {
        let job = self.job(index);
        let (worker, label, key) = (self.run.worker.clone(), job.label.clone(), job.key.to_string());
        JobName { job: index, worker, stage: job.stage, label, key }
    }

    /// The first job that can begin now, claimed.
    pub(super) fn next(&mut self) -> anyhow::Result<Next> {
        drop_hopeless(self.run.plan, &mut self.states);
        let mut busy = false;
        for index in self.ready() {
            let job = self.job(index);
            if !self.run.terms.allow(job) {
                match self.run.store.find(job.stage, &job.key)? {
                    Some(artifact) => {
                        self.done(index, artifact);
                        return Ok(Next::Reused(index));
                    }
                    None => busy |= self.is_awaited(index),
                }
                continue;
            }
            if let Some(failure) = self.failed_elsewhere(index)? {
                self.note_failure(index, &failure.reason);
                return self.next();
            }
            if self.run.terms.time.is_some_and(|time| !time.allows(self.seconds[index])) {
                match self.run.store.find(job.stage, &job.key)? {
                    Some(artifact) => {
                        self.done(index, artifact);
                        return Ok(Next::Reused(index));
                    }
                    None => self.out_of_time = true,
                }
                continue;
            }
            busy = true;
            match self.run.store.claim(job.stage, &job.inputs.key_inputs())? {
                Claim::Done(artifact) => {
                    self.done(index, artifact);
                    return Ok(Next::Reused(index));
                }
                Claim::Work(workspace) => return Ok(Next::Work(index, Box::new(workspace))),
                Claim::Busy if !std::mem::replace(&mut self.waited_for[index], true) => {
                    self.tell(&Event::JobWaiting { job: self.name(index) });
                }
                Claim::Busy => {}
            }
        }
        Ok(if busy { Next::Wait } else { Next::Nothing })
    }

    /// The failure that another process recorded since this run began: the job is not tried again at once.
    fn failed_elsewhere(&self, index: usize) -> Result<Option<Failure>, StoreError> {
        let job = self.job(index);
        let failure = self.run.store.failure(job.stage, &job.key)?;
        Ok(failure.filter(|failure| Some(failure) != self.failures[index].as_ref()))
    }

    /// Whether another process makes something that a job of ours needs.
    fn is_awaited(&self, index: usize) -> bool {
        let job = self.job(index);
        let ours = |index: usize| self.run.terms.allow(self.job(index));
        is_needed(self.run.plan, &self.states, index, &ours)
            && self.run.store.attempt(job.stage, &job.key) == Attempt::Working
    }

    fn done(&mut self, index: usize, artifact: Artifact) {
        self.states[index] = JobState::Done;
        self.artifacts[index] = Some(artifact);
    }

    pub(super) fn reused(&mut self, index: usize) {
        self.tell(&Event::JobReused { job: self.name(index) });
    }

    /// Does a job and notes its end. An error stops the whole run.
    pub(super) fn work(&mut self, index: usize, workspace: Workspace, worker: &mut dyn Worker) -> anyhow::Result<()> {
        let job = self.job(index);
        self.states[index] = JobState::Claimed;
        self.begun += 1;
        let reason = match &self.statuses[index] {
            JobStatus::Cached => "the stored result is gone or damaged".to_owned(),
            JobStatus::Todo { reason } | JobStatus::Damaged { reason } => reason.clone(),
            JobStatus::Failed { reason } => format!("failed last time: {reason}"),
        };
        let name = self.name(index);
        let todo = self.todo.max(self.begun);
        self.tell(&Event::JobStarted { job: name.clone(), reason, index: self.begun, todo });
        self.tell_of_earlier_attempt(job, &workspace);
        kernels::release_freed_memory();
        store::reset_peak_memory();
        let begun = Instant::now();
        let needs: Vec<&Artifact> = job.needs.iter().filter_map(|&need| self.artifacts[need].as_ref()).collect();
        let (observer, stop) = (self.run.observer, self.run.stop);
        let context = Context { job: &name, workspace: &workspace, needs: &needs, observer, stop };
        let result = panics::catch(|| worker.execute(job, &context)).unwrap_or_else(|bug| Err(StageError::Failed(bug)));
        let seconds = begun.elapsed().as_secs_f64();
        let output = match result {
            Ok(output) => output,
            Err(error) => {
                self.states[index] = JobState::Pending;
                if workspace.is_lost() {
                    worker.reset();
                    self.lost(index);
                    return Ok(());
                }
                workspace.end_attempt(seconds)?;
                if !matches!(error, StageError::Stopped) {
                    worker.reset();
                }
                return self.not_done(index, error);
            }
        };
        let made = Made { seconds, device: output.device, threads: output.threads };
        self.states[index] = JobState::Pending;
        let artifact = match workspace.commit(&made) {
            Err(StoreError::Lost { .. }) => {
                self.lost(index);
                return Ok(());
            }
            Err(error) if error.is_damage() => return self.repeat(index, &error),
            committed => committed?,
        };
        self.tell(&Event::JobFinished { job: name, seconds });
        self.done(index, artifact);
        self.judge();
        Ok(())
    }

    fn not_done(&mut self, index: usize, error: StageError) -> anyhow::Result<()> {
        let job = self.job(index);
        match error {
            StageError::Stopped => self.run.stop.stop(),
            StageError::Fatal(error) => {
                return Err(error).with_context(|| format!("{} {} could not go on", job.stage, job.label));
            }
            StageError::Lost(_) => self.lost(index),
            StageError::Damaged(error) => return self.repeat(index, &error),
            StageError::Failed(reason) => {
                self.failed(index, &with_advice(&reason, self.settings(job), &self.run.device))?
            }
        }
        Ok(())
    }

    /// Another process has the job now: it is waited for, as for any that others do.
    fn lost(&mut self, index: usize) {
        self.states[index] = JobState::Pending;
        let job = self.job(index);
        let message = format!(
            "{} {} is left to another runner, which took it over: nothing was heard of this one for too long (was it \
             suspended, or did the file system not answer?)",
            job.stage, job.label
        );
        self.tell(&Event::Warning { message });
    }

    fn failed(&mut self, index: usize, reason: &str) -> anyhow::Result<()> {
        let job = self.job(index);
        self.run.store.record_failure(job.stage, &job.key, reason)?;
        self.note_failure(index, reason);
        Ok(())
    }

    fn note_failure(&mut self, index: usize, reason: &str) {
        let job = self.job(index);
        let cells = job.cells.iter().map(|&cell| self.run.plan.cells[cell].label.clone()).collect();
        self.tell(&Event::JobFailed { job: self.name(index), reason: reason.to_owned(), cells });
        self.states[index] = JobState::Failed;
        self.reasons[index] = Some(reason.to_owned());
    }

    /// Something that a job reads or wrote is damaged: what it needs is made again where that is the cause, then the
    /// job is tried again. More than a few times means that the disk or the memory cannot be trusted.
    fn repeat(&mut self, index: usize, error: &StoreError) -> anyhow::Result<()> {
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
    pub(super) fn drop_damaged(&mut self) -> anyhow::Result<bool> {
        let mut found = false;
        for index in 0..self.states.len() {
            found |= self.states[index] == JobState::Done && self.drop_if_damaged(index)?;
        }
        Ok(found)
    }

    fn drop_if_damaged(&mut self, index: usize) -> anyhow::Result<bool> {
        let job = self.job(index);
        if self.repeats[index] >= MOST_REPEATS || !self.run.store.drop_damaged(job.stage, &job.key)? {
            return Ok(false);
        }
        self.repeats[index] += 1;
        self.states[index] = JobState::Pending;
        self.artifacts[index] = None;
        Ok(true)
    }

    /// An attempt that was killed could not say so itself.
    fn tell_of_earlier_attempt(&self, job: &Job, workspace: &Workspace) {
        let Earlier { died, damaged } = workspace.earlier();
        if *died {
            self.tell(&Event::Note {
                message: format!(
                    "the last attempt at {} {} was cut short: by a second Ctrl-C, a kill, a crash, or because memory \
                     ran out ({})",
                    job.stage,
                    job.label,
                    less_memory(Some((self.settings(job), &self.run.device)))
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

    fn cell_states(&self) -> impl Iterator<Item = CellState> {
        (0..self.run.plan.cells.len()).map(|cell| cell_state(self.run.plan, &self.states, cell))
    }

    /// Whether nothing new may begin.
    pub(super) fn is_over(&self) -> bool {
        self.run.stop.is_set() || self.too_many_failed() || !self.run.terms.allow_more(self.begun)
    }

    fn too_many_failed(&self) -> bool {
        let failed = || self.cell_states().filter(|state| matches!(state, CellState::Failed(_))).count();
        self.run.max_fail.is_some_and(|most| failed() >= most.max(1))
    }

    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary::of(self.run.plan, &self.states, &self.reasons);
        if !self.is_over() && !self.out_of_time {
            let pending = (0..self.states.len()).filter(|index| self.states[*index] == JobState::Pending);
            let ours = pending.map(|index| self.job(index)).filter(|job| self.run.terms.allow(job));
            summary.stuck = ours.map(|job| format!("{} {}", job.stage, job.label)).collect();
        }
        summary.stopped = (self.run.stop.is_set() || self.out_of_time) && !summary.skipped.is_empty();
        summary
    }
}
