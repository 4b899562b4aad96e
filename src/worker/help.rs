//! Shorthands every stage uses.

use serde::Serialize;

use super::{Context, StageError};
use crate::{event::Event, stage::Stage, store::Artifact};

/// This job cannot be done; the reason is for the user.
pub(super) fn failed(error: impl std::fmt::Display) -> StageError {
    StageError::Failed(error.to_string())
}

/// The result of a stage this job needs. The plan orders the jobs, so it is there.
pub(super) fn need<'a>(ctx: &Context<'a>, stage: Stage) -> Result<&'a Artifact, StageError> {
    (ctx.needs)(stage).ok_or_else(|| StageError::Failed(format!("the result of `{stage}` is missing")))
}

impl From<candle_core::Error> for StageError {
    /// Running out of memory, a shape that does not fit: this cell cannot be done, others may.
    fn from(error: candle_core::Error) -> Self {
        failed(error)
    }
}

impl Context<'_> {
    /// Tells how far the job is: `done` of `total` units.
    pub fn progress(&self, (done, total): (u64, u64), unit: &str, detail: String) {
        let (job, unit) = (self.job.clone(), unit.to_owned());
        self.observer.observe(&Event::JobProgress { job, done, total, unit, detail });
    }

    /// Says something worth a line.
    pub fn note(&self, message: String) {
        self.observer.observe(&Event::Note { message });
    }

    /// Writes a file of the artifact.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), StageError> {
        let mut bytes = serde_json::to_vec_pretty(value).map_err(failed)?;
        bytes.push(b'\n');
        Ok(self.workspace.write(name, &bytes)?)
    }
}
