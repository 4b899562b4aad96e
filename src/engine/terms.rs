//! Which part of a study a run may do.

use crate::plan::Job;
use crate::stage::{Key, Stage};

/// Which jobs a run may begin, and how many. The default is the whole study.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Begin jobs of these stages only; of all if there are none.
    pub stages: Vec<Stage>,
    /// Begin this job only.
    pub only: Option<(Stage, Key)>,
    /// Begin nothing new after that many jobs.
    pub max_jobs: Option<usize>,
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
}
