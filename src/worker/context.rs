//! What a job may use.

use serde::Serialize;

use super::{
    error::{StageError, failed},
    stop::StopFlag,
};
use crate::{
    event::{Event, JobName, Observer},
    stage::{Key, Stage},
    store::{Artifact, Workspace},
};

/// What a job may use.
pub struct Context<'a> {
    /// What events call the job.
    pub job: &'a JobName,
    /// Where its files go; kept between attempts.
    pub workspace: &'a Workspace,
    /// Results of the jobs it needs; of those of one stage, the main one first.
    pub needs: &'a [&'a Artifact],
    /// Who is told of progress.
    pub observer: &'a dyn Observer,
    /// Asked between steps: when set, checkpoint and return [`StageError::Stopped`].
    pub stop: &'a StopFlag,
}

impl<'a> Context<'a> {
    /// The result of a stage that this job needs; if it needs several of that stage, the main one. The plan orders the
    /// jobs, so it is there.
    pub(super) fn need(&self, stage: Stage) -> Result<&'a Artifact, StageError> {
        self.result_of(stage, |_| true)
    }

    /// The result with this key, where a stage has several.
    pub(super) fn need_of(&self, stage: Stage, key: &Key) -> Result<&'a Artifact, StageError> {
        self.result_of(stage, |artifact| artifact.manifest.key == *key)
    }

    fn result_of(&self, stage: Stage, wanted: impl Fn(&Artifact) -> bool) -> Result<&'a Artifact, StageError> {
        let found = self.needs.iter().copied().find(|one| one.manifest.stage == stage && wanted(one));
        found.ok_or_else(|| failed(format!("the result of `{stage}` is missing")))
    }

    /// Tells how far the job is: `done` of `total` units.
    pub fn progress(&self, (done, total): (u64, u64), unit: &str, detail: String) {
        let (job, unit) = (self.job.clone(), unit.to_owned());
        self.observer.observe(&Event::JobProgress { job, done, total, unit, detail });
    }

    /// Says something that is worth a line.
    pub fn note(&self, message: String) {
        self.observer.observe(&Event::Note { message });
    }

    /// Tells something that the user should know, if there is something.
    pub(super) fn warn(&self, message: Option<&str>) {
        if let Some(message) = message {
            self.observer.observe(&Event::Warning { message: message.to_owned() });
        }
    }

    /// Ends the job if somebody asked for it. Call it where everything done so far is kept.
    pub(super) fn stop_here(&self) -> Result<(), StageError> {
        if self.stop.is_set() { Err(StageError::Stopped) } else { Ok(()) }
    }

    /// Writes a file of the artifact.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), StageError> {
        let mut bytes = serde_json::to_vec_pretty(value).map_err(failed)?;
        bytes.push(b'\n');
        Ok(self.workspace.write(name, &bytes)?)
    }
}
