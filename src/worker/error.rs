//! Why a job has no result.

use crate::store::StoreError;

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The stop flag was seen and a checkpoint is written.
    #[error("stopped")]
    Stopped,
    /// This job cannot be done, e.g. a loss is not finite; the other cells go on. The reason is for the user.
    #[error("{0}")]
    Failed(String),
    /// A stored file or a file of this job is not what was written: it is made again, then the job is tried again.
    #[error(transparent)]
    Damaged(StoreError),
    /// Another process took this job over: it is left to that one.
    #[error(transparent)]
    Lost(StoreError),
    /// Nothing can go on, e.g. the disk is full.
    #[error(transparent)]
    Fatal(anyhow::Error),
}

impl From<StoreError> for StageError {
    /// A disk that does not work concerns every job; a damaged file can be made again.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io { .. } => Self::Fatal(error.into()),
            StoreError::Damaged { .. } => Self::Damaged(error),
            StoreError::Lost { .. } => Self::Lost(error),
            StoreError::Name { .. } => Self::Failed(error.to_string()),
        }
    }
}

impl From<candle_core::Error> for StageError {
    /// Memory that ran out or a shape that does not fit: this cell cannot be done, others may.
    fn from(error: candle_core::Error) -> Self {
        failed(error)
    }
}

/// This job cannot be done; the reason is for the user.
pub(super) fn failed(error: impl std::fmt::Display) -> StageError {
    StageError::Failed(error.to_string())
}
