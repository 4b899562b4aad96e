//! Whether a worker that crashed is started again, and whether its job is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

/// A worker that crashed so often without finishing a job in between is not started again.
const MOST_OF_WORKER: u32 = 5;
/// A job at which workers crashed so often fails: the others go on.
pub(super) const MOST_OF_JOB: u32 = 3;
/// The first pause before a worker is started again; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// Who crashed how often.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    of_workers: BTreeMap<usize, u32>,
    of_jobs: BTreeMap<usize, u32>,
}

/// What follows a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Start the worker again after this pause.
    pub(super) again: Option<Duration>,
    /// The job has failed.
    pub(super) job_failed: bool,
}

impl Crashes {
    /// A worker has crashed, at this job if it was at one.
    pub(super) fn add(&mut self, worker: usize, job: Option<usize>) -> Verdict {
        let of_worker = self.of_workers.entry(worker).or_default();
        *of_worker += 1;
        let again = (*of_worker < MOST_OF_WORKER).then(|| PAUSE * (1 << (*of_worker - 1)));
        let job_failed = job.is_some_and(|job| {
            let of_job = self.of_jobs.entry(job).or_default();
            *of_job += 1;
            *of_job >= MOST_OF_JOB
        });
        Verdict { again, job_failed }
    }

    /// A worker has finished a job.
    pub(super) fn finished(&mut self, worker: usize) {
        self.of_workers.remove(&worker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_and_a_job_have_some_tries() {
        let mut crashes = Crashes::default();
        let jobs: Vec<bool> = (0..3).map(|worker| crashes.add(worker, Some(7)).job_failed).collect();
        assert_eq!(jobs, [false, false, true], "whoever was at it");
        let mut crashes = Crashes::default();
        let mut pauses: Vec<Option<u128>> = Vec::new();
        for _ in 0..5 {
            pauses.push(crashes.add(0, None).again.map(|pause| pause.as_millis()));
        }
        assert_eq!(pauses, [Some(250), Some(500), Some(1000), Some(2000), None]);
        crashes.finished(0);
        assert!(crashes.add(0, None).again.is_some());
    }
}
