//! The progress of a run: which job comes next.

use super::attempt::Attempt;
use super::board::Board;
use super::order::{Order, longest_first, longest_paths};
use super::race::Racing;
use super::ready::{JobState, drop_hopeless, is_needed, ready};
use super::run::{Run, Summary};
use crate::event::Event;
use crate::plan::{self, JobStatus};
use crate::store::{self, Claim, Workspace};
use crate::worker::Worker;

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

/// The progress of a run.
pub(super) struct Progress<'a> {
    run: &'a Run<'a>,
    board: Board<'a>,
    /// Jobs already announced as worked on by others.
    waited_for: Vec<bool>,
    /// Seconds of each job, and of the longest path that begins with it, if they are asked for.
    seconds: Vec<Option<f64>>,
    paths: Vec<f64>,
    /// Whether a job was left because it would not end in time.
    out_of_time: bool,
    begun: usize,
    todo: usize,
    race: Option<Racing<'a>>,
}

impl<'a> Progress<'a> {
    /// Nothing is begun yet.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn new(run: &'a Run<'a>, statuses: Vec<JobStatus>, todo: usize) -> anyhow::Result<Self> {
        let n = statuses.len();
        let mut new = Self {
            run,
            board: Board::new(run, statuses)?,
            waited_for: vec![false; n],
            seconds: vec![None; n],
            paths: vec![0.0; n],
            out_of_time: false,
            begun: 0,
            todo,
            race: Racing::new(run.plan, run.store),
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
        let mut jobs = ready(self.run.plan, &self.board.states);
        match self.run.terms.order {
            Order::CellByCell => {}
            Order::LongestFirst => longest_first(&mut jobs, &self.paths),
        }
        jobs
    }

    /// The first job that can begin now, claimed.
    pub(super) fn next(&mut self) -> anyhow::Result<Next> {
        self.race()?;
        drop_hopeless(self.run.plan, &mut self.board.states);
        let (mut busy, mut waits) = (false, false);
        for index in self.ready() {
            if self.waits(index)? {
                waits = true;
                continue;
            }
            let job = self.board.job(index);
            let allowed = self.run.terms.allow(job);
            if allowed && let Some(failure) = self.board.failed_elsewhere(index)? {
                self.board.note_failure(index, &failure.reason);
                return self.next();
            }
            let in_time = self.run.terms.time.is_none_or(|time| time.allows(self.seconds[index]));
            if !allowed || !in_time {
                // What is there counts, whoever made it.
                match self.run.store.find(job.stage, &job.key)? {
                    Some(artifact) => {
                        self.board.done(index, artifact);
                        return Ok(Next::Reused(index));
                    }
                    None if allowed => self.out_of_time = true,
                    None => busy |= self.is_awaited(index),
                }
                continue;
            }
            busy = true;
            match self.run.store.claim(job.stage, &job.inputs.key_inputs())? {
                Claim::Done(artifact) => {
                    self.board.done(index, artifact);
                    return Ok(Next::Reused(index));
                }
                Claim::Work(workspace) => return Ok(Next::Work(index, Box::new(workspace))),
                Claim::Busy if !std::mem::replace(&mut self.waited_for[index], true) => {
                    self.board.tell(&Event::JobWaiting { job: self.board.name(index) });
                }
                Claim::Busy => {}
            }
        }
        // The last training may have come to the rung meanwhile, in another process.
        if waits && !busy && self.race()? {
            return self.next();
        }
        Ok(if busy { Next::Wait } else { Next::Nothing })
    }

    /// Lets the race go on, and leaves out the trainings that it stopped unless they are finished all the same. Returns
    /// whether anything was decided.
    fn race(&mut self) -> anyhow::Result<bool> {
        let Some(race) = &mut self.race else { return Ok(false) };
        let news = race.advance(&self.board)?;
        for message in &news {
            self.board.tell(&Event::Note { message: message.clone() });
        }
        for index in race.stopped().collect::<Vec<_>>() {
            let job = self.board.job(index);
            if self.board.states[index] == JobState::Pending && self.run.store.find(job.stage, &job.key)?.is_none() {
                self.board.states[index] = JobState::Raced;
            }
        }
        Ok(!news.is_empty())
    }

    /// Whether a job waits at a rung of the race, unfinished.
    fn waits(&mut self, index: usize) -> anyhow::Result<bool> {
        let job = self.board.job(index);
        let Some(race) = &mut self.race else { return Ok(false) };
        Ok(race.waits(index)? && self.run.store.find(job.stage, &job.key)?.is_none())
    }

    /// Whether another process makes something that a job of ours needs.
    fn is_awaited(&self, index: usize) -> bool {
        let job = self.board.job(index);
        let ours = |index: usize| self.run.terms.allow(self.board.job(index));
        is_needed(self.run.plan, &self.board.states, index, &ours)
            && self.run.store.attempt(job.stage, &job.key) == store::Attempt::Working
    }

    pub(super) fn reused(&mut self, index: usize) {
        self.board.tell(&Event::JobReused { job: self.board.name(index) });
    }

    /// Does a job and notes its end. An error stops the whole run.
    pub(super) fn work(&mut self, index: usize, workspace: Workspace, worker: &mut dyn Worker) -> anyhow::Result<()> {
        self.begun += 1;
        let place = [self.begun, self.todo.max(self.begun)];
        let until = self.race.as_ref().and_then(|race| race.until(index));
        Attempt { board: &mut self.board, index, place, until }.make(workspace, worker)?;
        if self.board.states[index] == JobState::Done {
            self.judge();
        }
        Ok(())
    }

    /// Looks closely at every result; those that are damaged are to be made again. Says whether there were any.
    pub(super) fn drop_damaged(&mut self) -> anyhow::Result<bool> {
        Ok(self.board.drop_damaged()?)
    }

    /// Whether nothing new may begin.
    pub(super) fn is_over(&self) -> bool {
        self.run.stop.is_set() || self.board.too_many_failed() || !self.run.terms.allow_more(self.begun)
    }

    /// How the run ended.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn summary(&mut self) -> anyhow::Result<Summary> {
        let mut summary = self.board.summary();
        if !self.is_over() && !self.out_of_time {
            for index in 0..self.board.states.len() {
                let job = self.board.job(index);
                if self.board.states[index] != JobState::Pending || !self.run.terms.allow(job) {
                    continue;
                }
                let list = if self.waits(index)? { &mut summary.at_rung } else { &mut summary.stuck };
                list.push(format!("{} {}", job.stage, job.label));
            }
        }
        summary.stopped = (self.run.stop.is_set() || self.out_of_time) && !summary.skipped.is_empty();
        Ok(summary)
    }
}
