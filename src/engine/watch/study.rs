//! A study done by several workers, from the first start to the summary.

use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::crashes::{Crashes, MOST_OF_JOB};
use super::merged::Merged;
use super::process::{End, Message, Process};
use crate::engine::advice::less_memory;
use crate::engine::ready::JobState;
use crate::engine::run::Summary;
use crate::event::{Event, JobName, Observer};
use crate::plan::{self, JobStatus, Plan};
use crate::store::Store;
use crate::worker::StopFlag;

/// How often the wish to stop is looked for.
const POLL: Duration = Duration::from_millis(50);
/// So often damaged results are made again, as in a run without workers.
const MOST_REPEATS: u32 = 2;
/// Exit codes of `runner work`: it found nothing more to do; it was stopped; some cells failed.
const DONE: i32 = 0;
const STOPPED: i32 = 75;
const SOME_FAILED: i32 = 100;

/// A place for a worker.
pub struct Post<'a> {
    /// What events call the worker, e.g. `cuda:1`.
    pub name: String,
    /// The command that starts it.
    pub command: Box<dyn Fn() -> Command + 'a>,
}

/// A study and its workers.
pub struct Watched<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// Where results go.
    pub store: &'a Store,
    /// Who is told.
    pub observer: &'a dyn Observer,
    /// Stops all workers after a checkpoint.
    pub stop: &'a StopFlag,
    /// The workers.
    pub posts: Vec<Post<'a>>,
    /// What they compute on, for the first event.
    pub device: String,
}

/// What a post is at.
enum State {
    Works(Process),
    /// It crashed, and is started again then.
    Waits(Instant),
    Over,
}

impl Watched<'_> {
    /// Lets the workers do everything that is not done, then calls `report`. If its error is due to damaged results,
    /// these are made again.
    ///
    /// # Errors
    /// A store that cannot be read, or workers that cannot be started or ended before their time.
    pub fn execute(&self, report: &mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<Summary> {
        let begun = Instant::now();
        let mut todo = self.todo()?;
        let (jobs, cells, name) = (self.plan.jobs.len(), self.plan.cells.len(), self.plan.name.clone());
        self.tell(&Event::RunStarted { name, cells, jobs, todo, device: self.device.clone() });
        for message in &self.plan.notices {
            self.tell(&Event::Warning { message: message.clone() });
        }
        let workers = self.posts.iter().map(|post| post.name.clone()).collect();
        self.tell(&Event::WorkersStarted { workers });
        let mut merged = Merged::new(todo, &self.plan.notices);
        let mut repeats = 0;
        let report_error = loop {
            if todo > 0 {
                self.work(&mut merged)?;
            }
            match report() {
                Ok(()) => break None,
                Err(_) if repeats < MOST_REPEATS && !self.stop.is_set() && self.drop_damaged()? => repeats += 1,
                Err(error) => break Some(format!("{error:#}")),
            }
            todo = self.todo()?;
        };
        let summary = Summary { report_error, ..self.summary(&merged)? };
        self.tell(&Event::RunFinished {
            done: summary.done.len(),
            failed: summary.failed.len(),
            skipped: summary.skipped.len(),
            seconds: begun.elapsed().as_secs_f64(),
        });
        Ok(summary)
    }

    /// How many jobs are not done.
    fn todo(&self) -> anyhow::Result<usize> {
        let statuses = plan::status(self.plan, self.store)?;
        Ok(statuses.iter().filter(|status| **status != JobStatus::Cached).count())
    }

    /// Starts every worker, and waits until all have ended.
    fn work(&self, merged: &mut Merged) -> anyhow::Result<()> {
        let (sender, messages) = mpsc::channel();
        let mut states = Vec::new();
        for worker in 0..self.posts.len() {
            states.push(State::Works(self.start(worker, &sender)?));
        }
        let mut shift = Shift { watched: self, merged, crashes: Crashes::default(), lost: None };
        while states.iter().any(|state| !matches!(state, State::Over)) {
            shift.turn(&mut states, &messages, &sender)?;
        }
        match shift.lost {
            // Somebody has to do what is left.
            Some(reason) if !self.stop.is_set() && self.todo()? > shift.merged.failed.len() => {
                anyhow::bail!(
                    "the workers ended before everything was done: {reason}\nnothing that was finished is lost"
                )
            }
            _ => Ok(()),
        }
    }

    fn start(&self, worker: usize, sender: &Sender<Message>) -> anyhow::Result<Process> {
        let post = &self.posts[worker];
        Process::start(worker, (post.command)(), sender.clone())
            .map_err(|error| anyhow::anyhow!("the worker {} cannot be started: {error}", post.name))
    }

    fn drop_damaged(&self) -> anyhow::Result<bool> {
        let mut found = false;
        for (job, status) in self.plan.jobs.iter().zip(plan::status(self.plan, self.store)?) {
            found |= status != JobStatus::Cached || self.store.drop_damaged(job.stage, &job.key)?;
        }
        Ok(found)
    }

    fn summary(&self, merged: &Merged) -> anyhow::Result<Summary> {
        let mut reasons = vec![None; self.plan.jobs.len()];
        let mut states = Vec::new();
        for (index, status) in plan::status(self.plan, self.store)?.into_iter().enumerate() {
            reasons[index] = merged.failed.get(&index).cloned();
            states.push(match status {
                JobStatus::Cached => JobState::Done,
                _ if reasons[index].is_some() => JobState::Failed,
                _ => JobState::Pending,
            });
        }
        let summary = Summary::of(self.plan, &states, &reasons);
        Ok(Summary { stopped: self.stop.is_set() && !summary.skipped.is_empty(), ..summary })
    }

    fn tell(&self, event: &Event) {
        self.observer.observe(event);
    }
}

/// The time from the start of all workers to their end.
struct Shift<'a, 'b> {
    watched: &'a Watched<'a>,
    merged: &'b mut Merged,
    crashes: Crashes,
    /// Why a worker is not started again.
    lost: Option<String>,
}

impl Shift<'_, '_> {
    /// Waits for a message for a short time, then does what is due.
    fn turn(
        &mut self,
        states: &mut [State],
        messages: &Receiver<Message>,
        sender: &Sender<Message>,
    ) -> anyhow::Result<()> {
        match messages.recv_timeout(POLL) {
            Ok(Message::Told(worker, event)) => self.told(worker, *event),
            Ok(Message::Ended(worker, end)) => states[worker] = self.ended(worker, &end)?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        for (worker, state) in states.iter_mut().enumerate() {
            let stopping = self.watched.stop.is_set();
            match state {
                State::Waits(_) if stopping => *state = State::Over,
                State::Waits(until) if *until <= Instant::now() => {
                    *state = State::Works(self.watched.start(worker, sender)?);
                }
                State::Works(process) if stopping => process.ask_to_stop(),
                State::Works(_) | State::Waits(_) | State::Over => {}
            }
        }
        Ok(())
    }

    fn told(&mut self, worker: usize, event: Event) {
        if matches!(event, Event::JobFinished { .. }) {
            self.crashes.finished(worker);
        }
        if let Some(event) = self.merged.of_worker(worker, &self.watched.posts[worker].name, event) {
            self.watched.tell(&event);
        }
    }

    fn ended(&mut self, worker: usize, end: &End) -> anyhow::Result<State> {
        let job = self.merged.running(worker);
        self.merged.ended(worker);
        let code = end.status.and_then(|status| status.code());
        let stopping = self.watched.stop.is_set();
        match code {
            Some(DONE | SOME_FAILED) => return Ok(State::Over),
            _ if stopping => return Ok(State::Over),
            // A wrong experiment or device: the next time, it would be the same.
            Some(2..=99) if code != Some(STOPPED) => {
                self.say(worker, end, false);
                return Ok(State::Over);
            }
            _ => {}
        }
        let verdict = self.crashes.add(worker, job.filter(|_| code != Some(STOPPED)));
        self.say(worker, end, verdict.again.is_some());
        if let Some(job) = job.filter(|_| verdict.job_failed) {
            self.fail(worker, job)?;
        }
        Ok(verdict.again.map_or(State::Over, |pause| State::Waits(Instant::now() + pause)))
    }

    fn say(&mut self, worker: usize, end: &End, again: bool) {
        let mut reason = how(end.status);
        if !end.last_words.is_empty() {
            reason += &format!("; its last words: {}", end.last_words);
        }
        let name = self.watched.posts[worker].name.clone();
        if !again {
            self.lost = Some(format!("{name} {reason}"));
        }
        self.watched.tell(&Event::WorkerEnded { worker: name, reason, again });
    }

    /// A job at which workers crashed again and again: the others go on without it.
    fn fail(&mut self, worker: usize, index: usize) -> anyhow::Result<()> {
        let Watched { plan, store, .. } = self.watched;
        let job = &plan.jobs[index];
        let reason = format!(
            "{MOST_OF_JOB} times a worker ended without a word while it was at this: by a kill, a crash, or because \
             memory ran out ({})",
            less_memory(None)
        );
        store.record_failure(job.stage, &job.key, &reason)?;
        let (stage, label, key) = (job.stage, job.label.clone(), job.key.to_string());
        let name = JobName { job: index, worker: String::new(), stage, label, key };
        let cells = job.cells.iter().map(|&cell| plan.cells[cell].label.clone()).collect();
        self.told(worker, Event::JobFailed { job: name, reason, cells });
        Ok(())
    }
}

/// How a process ended, in words.
fn how(status: Option<ExitStatus>) -> String {
    #[cfg(unix)]
    if let Some(signal) = status.and_then(|status| std::os::unix::process::ExitStatusExt::signal(&status)) {
        return format!("was ended by signal {signal}");
    }
    match status.and_then(|status| status.code()) {
        Some(STOPPED) => "was asked to stop by somebody else".to_owned(),
        Some(code) => format!("ended with exit code {code}"),
        None => "ended".to_owned(),
    }
}
