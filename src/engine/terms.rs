//! Which part of a study a run may do, in which order, and for how long.

use std::time::{Duration, Instant};

use super::order::Order;
use crate::plan::Job;
use crate::stage::{Key, Stage};

/// Which jobs a run may begin, in which order, how many, and for how long. The default is the whole study.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Begin jobs of these stages only; of all if there are none.
    pub stages: Vec<Stage>,
    /// Begin this job only.
    pub only: Option<(Stage, Key)>,
    /// Begin nothing new after that many jobs.
    pub max_jobs: Option<usize>,
    /// Which of the jobs that could begin comes first.
    pub order: Order,
    /// What failed before is not tried again.
    pub keep_failed: bool,
    /// Begin nothing that would not end in time.
    pub time: Option<TimeLimit>,
}

/// How long a run may take.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    begun: Instant,
    most: Duration,
}

impl Terms {
    /// Whether a job may be begun.
    pub(super) fn allow(&self, job: &Job) -> bool {
        let chosen = self.only.as_ref().is_none_or(|(stage, key)| *stage == job.stage && *key == job.key);
        chosen && (self.stages.is_empty() || self.stages.contains(&job.stage))
    }

    /// Whether another job may be begun after `begun` of them.
    pub(super) fn allow_more(&self, begun: usize) -> bool {
        self.max_jobs.is_none_or(|most| begun < most)
    }

    /// Whether it matters how long jobs take.
    pub(super) fn need_estimates(&self) -> bool {
        self.order == Order::LongestFirst || self.time.is_some()
    }
}

impl TimeLimit {
    /// A limit that begins to count now.
    #[must_use]
    pub fn from_now(most: Duration) -> Self {
        Self { begun: Instant::now(), most }
    }

    /// What is left of it.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.most.saturating_sub(self.begun.elapsed())
    }

    /// Whether a job of so many seconds may begin. One that takes longer than the whole limit has to be done in parts,
    /// and one of which nothing is known may be short.
    pub(super) fn allows(&self, seconds: Option<f64>) -> bool {
        let left = self.left().as_secs_f64();
        left > 0.0 && seconds.is_none_or(|seconds| seconds <= left || seconds > self.most.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_begins_only_if_it_ends_in_time() {
        let limit = TimeLimit { begun: Instant::now() - Duration::from_secs(60), most: Duration::from_secs(100) };
        let allowed = [Some(30.0), Some(50.0), Some(200.0), None].map(|seconds| limit.allows(seconds));
        assert_eq!(allowed, [true, false, true, true]);
        let over = TimeLimit { most: Duration::from_secs(60), ..limit };
        assert_eq!([Some(0.0), Some(200.0), None].map(|seconds| over.allows(seconds)), [false; 3]);
    }
}
