//! From the events of several workers to those of one study.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::race::NEWS;
use crate::event::{Event, JobName};

/// What is known of the study from the events of its workers.
#[derive(Debug, Default)]
pub(super) struct Merged {
    todo: usize,
    begun: usize,
    /// Jobs that were told as reused or finished.
    over: BTreeSet<usize>,
    /// Why jobs failed.
    pub(super) failed: BTreeMap<usize, String>,
    /// What each worker is at.
    running: BTreeMap<usize, usize>,
    /// Warnings and decisions of the race that were told: those of the study come from every worker.
    warned: BTreeSet<String>,
}

impl Merged {
    /// Nothing of `todo` jobs is begun; `warned` was told already.
    pub(super) fn new(todo: usize, warned: &[String]) -> Self {
        Self { todo, warned: warned.iter().cloned().collect(), ..Self::default() }
    }

    /// The job that a worker is at.
    pub(super) fn running(&self, worker: usize) -> Option<usize> {
        self.running.get(&worker).copied()
    }

    /// A worker has ended: it is at nothing any more.
    pub(super) fn ended(&mut self, worker: usize) {
        self.running.remove(&worker);
    }

    /// The event of a worker as one of the study; `None` for what others told before, and for what is no news for
    /// somebody who sees all workers.
    pub(super) fn of_worker(&mut self, worker: usize, name: &str, event: Event) -> Option<Event> {
        let named = |job: JobName| JobName { worker: name.to_owned(), ..job };
        match event {
            Event::JobReused { job } => {
                self.over.insert(job.job).then(|| Event::JobReused { job: JobName { worker: String::new(), ..job } })
            }
            Event::JobStarted { job, reason, .. } => {
                self.begun += 1;
                self.running.insert(worker, job.job);
                let (index, todo) = (self.begun, self.todo.max(self.begun));
                Some(Event::JobStarted { job: named(job), reason, index, todo })
            }
            Event::JobProgress { job, done, total, unit, detail } => {
                Some(Event::JobProgress { job: named(job), done, total, unit, detail })
            }
            Event::JobFinished { job, seconds } => {
                self.ended(worker);
                self.over.insert(job.job);
                Some(Event::JobFinished { job: named(job), seconds })
            }
            Event::JobPaused { job, done, total } => {
                self.ended(worker);
                Some(Event::JobPaused { job: named(job), done, total })
            }
            Event::JobFailed { job, reason, cells } => {
                if self.running(worker) == Some(job.job) {
                    self.ended(worker);
                }
                let first = self.failed.insert(job.job, reason.clone()).is_none();
                first.then(|| Event::JobFailed { job: named(job), reason, cells })
            }
            Event::Warning { message } => {
                let first = self.warned.insert(message.clone());
                first.then(|| Event::Warning { message: format!("{name}: {message}") })
            }
            Event::Note { message } if message.starts_with(NEWS) => {
                self.warned.insert(message.clone()).then_some(Event::Note { message })
            }
            Event::Note { message } => Some(Event::Note { message: format!("{name}: {message}") }),
            Event::Retrying { reason, seconds, attempt, most } => {
                Some(Event::Retrying { reason: format!("{name}: {reason}"), seconds, attempt, most })
            }
            Event::Failed { message } => Some(Event::Warning { message: format!("{name}: {message}") }),
            Event::Download { .. } | Event::DownloadFailed { .. } => Some(event),
            Event::RunStarted { .. }
            | Event::JobWaiting { .. }
            | Event::DrawingStarted { .. }
            | Event::DrawingProgress { .. }
            | Event::DrawingFinished { .. }
            | Event::WorkersStarted { .. }
            | Event::WorkerEnded { .. }
            | Event::Stopping { .. }
            | Event::ReportWritten { .. }
            | Event::RunFinished { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    fn job(index: usize) -> JobName {
        JobName { job: index, worker: "cpu".into(), stage: Stage::Train, label: "a".into(), key: "k".into() }
    }

    #[test]
    fn events_get_the_name_of_their_worker_and_are_told_once() {
        let mut merged = Merged::new(2, &["known".to_owned()]);
        let started = || Event::JobStarted { job: job(3), reason: "r".into(), index: 1, todo: 9 };
        let told = merged.of_worker(1, "cpu-2", started()).unwrap();
        let named = JobName { worker: "cpu-2".into(), ..job(3) };
        assert_eq!(told, Event::JobStarted { job: named.clone(), reason: "r".into(), index: 1, todo: 2 });
        assert_eq!((merged.running(1), merged.running(0)), (Some(3), None));
        let finished = Event::JobFinished { job: job(3), seconds: 1.0 };
        assert!(merged.of_worker(1, "cpu-2", finished).is_some() && merged.running(1).is_none());
        assert_eq!(merged.of_worker(0, "cpu-1", Event::JobReused { job: job(3) }), None, "made by the other one");
        assert!(merged.of_worker(0, "cpu-1", Event::JobReused { job: job(2) }).is_some());
        assert_eq!(merged.of_worker(1, "cpu-2", Event::JobReused { job: job(2) }), None);
        let failed = || Event::JobFailed { job: job(4), reason: "r".into(), cells: vec![] };
        assert!(merged.of_worker(0, "cpu-1", failed()).is_some() && merged.of_worker(1, "cpu-2", failed()).is_none());
        assert_eq!(merged.failed[&4], "r");
        let mut warning = |message: &str| merged.of_worker(0, "cpu-1", Event::Warning { message: message.into() });
        assert_eq!(warning("known"), None);
        assert_eq!(warning("new"), Some(Event::Warning { message: "cpu-1: new".into() }));
        assert_eq!(warning("new"), None);
        let mut note = |worker: usize, name: &str, message: &str| {
            merged.of_worker(worker, name, Event::Note { message: message.into() })
        };
        let news = format!("{NEWS} 1 of 2: all go on");
        assert_eq!(note(0, "cpu-1", &news), Some(Event::Note { message: news.clone() }));
        assert_eq!(note(1, "cpu-2", &news), None);
        let own = Event::Note { message: "cpu-2: continuing at step 3 of 6".into() };
        assert_eq!(note(1, "cpu-2", "continuing at step 3 of 6"), Some(own));
    }
}
