//! What the engine asks of a worker.

use super::{context::Context, error::StageError};
use crate::plan::Job;

/// Does the work of one job. The real worker loads models; tests use a fake one.
pub trait Worker {
    /// Does the job's work in `context.workspace`, from the last checkpoint there if there is one.
    fn execute(&mut self, job: &Job, context: &Context<'_>) -> Result<Output, StageError>;

    /// Called after `execute` failed or panicked: drop loaded models and everything half-made.
    fn reset(&mut self);
}

/// What a finished job tells about itself. It goes into the manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Where tensors lived, e.g. `cpu`.
    pub device: String,
    /// Threads the work could use.
    pub threads: usize,
}
