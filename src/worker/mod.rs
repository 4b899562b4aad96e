//! The only place where models meet files. The run loop sees a stage only through [`Worker`].

mod base;
mod baseline;
mod class_images;
pub mod device;
pub mod evaluate;
mod generate;
mod help;
pub mod images;
mod png;
pub mod prepare;
pub mod probe;
mod stop;
pub mod train;
pub mod train_log;
mod worker;

pub use base::BaseModel;
pub use stop::StopFlag;
pub use worker::Stages;

use crate::{
    event::{JobName, Observer},
    plan::Job,
    stage::Stage,
    store::{Artifact, StoreError, Workspace},
};

/// Does the work of one job. The real one loads models; tests use a fake.
pub trait Worker {
    /// Does the job's work in `context.workspace`, from the last checkpoint there if there is one.
    fn execute(&mut self, job: &Job, context: &Context<'_>) -> Result<Output, StageError>;

    /// Called after `execute` failed or panicked: drop loaded models and everything half-made.
    fn reset(&mut self);
}

/// What a job may use.
pub struct Context<'a> {
    /// Which job this is, for events.
    pub job: &'a JobName,
    /// Where its files go; kept between attempts.
    pub workspace: &'a Workspace,
    /// Results of the jobs it needs, by stage.
    pub needs: &'a dyn Fn(Stage) -> Option<&'a Artifact>,
    /// Who is told of progress.
    pub observer: &'a dyn Observer,
    /// Asked between steps: when set, checkpoint and return [`StageError::Stopped`].
    pub stop: &'a StopFlag,
}

/// What a finished job tells about itself; goes into the manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Free form, for reports.
    pub info: serde_json::Value,
    /// Where tensors lived, e.g. `cpu`.
    pub device: String,
    /// Threads the work could use.
    pub threads: usize,
}

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The stop flag was seen and a checkpoint is written.
    #[error("stopped")]
    Stopped,
    /// This job cannot be done, e.g. a loss is not finite; the other cells go on. The reason is for the user.
    #[error("{0}")]
    Failed(String),
    /// A stored file or one of this job is not what was written: it is made again, then the job is tried again.
    #[error(transparent)]
    Damaged(StoreError),
    /// Nothing can go on, e.g. the disk is full.
    #[error(transparent)]
    Fatal(anyhow::Error),
}

impl From<StoreError> for StageError {
    /// A disk that does not work concerns every job, a damaged file can be made again.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io { .. } => Self::Fatal(error.into()),
            StoreError::Damaged { .. } => Self::Damaged(error),
            StoreError::Name { .. } => Self::Failed(error.to_string()),
        }
    }
}
