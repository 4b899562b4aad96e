//! The page of a run while it goes on.
//!
//! It is written when the run begins, when a job has ended, and now and then during a job. Writing it stops the work,
//! so it may take no more than a small share of the time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::engine;
use crate::event::{Event, JobName, Observer};
use crate::plan::{self, JobStatus, Plan};
use crate::report::data::{Live, Running};
use crate::store::Store;
use crate::term::Pace;

/// While a job goes on, the page is written at most this often.
const EVERY: Duration = Duration::from_secs(30);

/// The pause after writing it, as a multiple of what writing took: 2 % of the time is spent on it.
const PAUSE: u32 = 49;

/// Writes the report of a run that is going on.
pub(super) type Write<'a> = &'a (dyn Fn(&Live) -> anyhow::Result<()> + Sync);

/// Passes events on, and writes the page when it is time.
pub(super) struct LivePage<'a> {
    observer: &'a dyn Observer,
    plan: &'a Plan,
    store: &'a Store,
    write: Write<'a>,
    state: Mutex<State>,
}

/// What is known of the run.
#[derive(Default)]
struct State {
    /// What each worker is at.
    running: BTreeMap<String, (Running, Pace)>,
    /// How many workers there are; 0: this process alone.
    workers: usize,
    /// When the page was written last, and how long that took.
    last: Option<(Instant, Duration)>,
}

impl<'a> LivePage<'a> {
    /// `plan` is what the run does.
    pub(super) fn new(observer: &'a dyn Observer, plan: &'a Plan, store: &'a Store, write: Write<'a>) -> Self {
        Self { observer, plan, store, write, state: Mutex::default() }
    }

    /// Writes the page. An error is not told: the last report tells it, if it is still there.
    fn page(&self, state: &mut State) {
        let begun = Instant::now();
        let _ = engine::catch(|| {
            let seconds_left = self.seconds_left(state);
            let written = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
            let running = state.running.values().next().map(|(running, _)| running.clone());
            (self.write)(&Live { running, seconds_left, written })
        });
        let now = Instant::now();
        state.last = Some((now, now - begun));
    }

    /// How long everything takes that is to do; `None` if a part of it cannot be judged.
    fn seconds_left(&self, state: &State) -> Option<f64> {
        let mut statuses = plan::status(self.plan, self.store).ok()?;
        let mut left = 0.0;
        for (running, pace) in state.running.values() {
            let Some(own) = pace.remaining(running.done, running.total) else { continue };
            let jobs = self.plan.jobs.iter().zip(&mut statuses);
            jobs.filter(|(job, _)| is(running, job)).for_each(|(_, status)| *status = JobStatus::Cached);
            left += own;
        }
        let others = plan::estimate(self.plan, &statuses, self.store);
        left += others.seconds;
        (others.unknown == 0 && left > 0.0).then_some(left / state.workers.max(1) as f64)
    }
}

fn is(running: &Running, job: &plan::Job) -> bool {
    running.stage == job.stage && running.key == job.key.as_str()
}

impl Observer for LivePage<'_> {
    fn observe(&self, event: &Event) {
        self.observer.observe(event);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match event {
            // A run that has nothing to do writes its last page soon.
            Event::RunStarted { todo: 1.., .. } => self.page(&mut state),
            Event::JobStarted { job, .. } => state.begin(job),
            Event::WorkersStarted { workers } => state.workers = workers.len(),
            Event::WorkerEnded { worker, .. } => {
                state.running.remove(worker);
            }
            Event::JobProgress { job, done, total, unit, .. } => {
                state.progress(job, (*done, *total), unit, now);
                if is_due(state.last, now, EVERY) {
                    self.page(&mut state);
                }
            }
            Event::JobFinished { job, .. } | Event::JobFailed { job, .. } => {
                state.running.remove(&job.worker);
                if is_due(state.last, now, Duration::ZERO) {
                    self.page(&mut state);
                }
            }
            _ => {}
        }
    }
}

impl State {
    fn begin(&mut self, job: &JobName) {
        let (stage, key) = (job.stage, job.key.clone());
        let running = Running { stage, key, cells: Vec::new(), done: 0, total: 0, unit: String::new() };
        self.running.insert(job.worker.clone(), (running, Pace::default()));
    }

    fn progress(&mut self, job: &JobName, (done, total): (u64, u64), unit: &str, now: Instant) {
        let Some((running, pace)) = self.running.get_mut(&job.worker) else { return };
        (running.done, running.total) = (done, total);
        unit.clone_into(&mut running.unit);
        pace.update(done, now);
    }
}

/// Whether the page is to be written at `now`. `last` is when it was written and how long that took.
fn is_due(last: Option<(Instant, Duration)>, now: Instant, every: Duration) -> bool {
    last.is_none_or(|(last, took)| now.saturating_duration_since(last) >= every.max(took * PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    #[test]
    fn writing_takes_a_small_share_of_the_time() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let last = |took: f64| Some((start, Duration::from_secs_f64(took)));
        assert!(is_due(None, start, EVERY));
        assert!(!is_due(last(0.1), at(29.0), EVERY) && is_due(last(0.1), at(31.0), EVERY));
        assert!(!is_due(last(2.0), at(97.0), EVERY) && is_due(last(2.0), at(99.0), EVERY));
        assert!(!is_due(last(0.1), at(4.0), Duration::ZERO) && is_due(last(0.1), at(5.0), Duration::ZERO));
    }

    #[test]
    fn the_page_is_written_at_the_start_and_after_a_job_and_its_errors_are_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let (plan, store) = (Plan::default(), Store::open(folder.path()).unwrap());
        let (seen, pages) = (Mutex::new(0), Mutex::new(Vec::new()));
        let observer = |_: &Event| *seen.lock().unwrap() += 1;
        let write = |live: &Live| {
            pages.lock().unwrap().push(live.clone());
            if pages.lock().unwrap().len() > 1 { panic!("a bug") } else { anyhow::bail!("no room") }
        };
        let live = LivePage::new(&observer, &plan, &store, &write);
        let job = JobName { job: 0, worker: "cpu".into(), stage: Stage::Train, label: "a".into(), key: "k".into() };
        let started = |todo| Event::RunStarted { name: "x".into(), cells: 1, jobs: 1, todo, device: "cpu".into() };
        live.observe(&started(0));
        assert!(pages.lock().unwrap().is_empty(), "the last page comes soon");
        live.observe(&started(1));
        live.observe(&Event::JobStarted { job: job.clone(), reason: String::new(), index: 1, todo: 1 });
        let step =
            |done| Event::JobProgress { job: job.clone(), done, total: 9, unit: "steps".into(), detail: String::new() };
        live.observe(&step(1));
        live.state.lock().unwrap().last = None;
        live.observe(&step(2));
        live.observe(&step(3));
        live.state.lock().unwrap().last = None;
        live.observe(&Event::JobFinished { job: job.clone(), seconds: 1.0 });
        assert_eq!(*seen.lock().unwrap(), 7);
        let pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
        let done: Vec<_> = pages.iter().map(|page| page.running.as_ref().map(|r| (r.done, r.total))).collect();
        assert_eq!(done, [None, Some((2, 9)), None]);
    }
}
