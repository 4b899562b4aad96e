//! Why a study cannot be planned.

use crate::experiment::{Problems, SelectError};
use crate::hub::HubError;
use crate::photos::PhotoError;

/// Why a study cannot be read or planned.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The file, or what it says of the photos and the model, is not usable. Each problem names its line.
    #[error("{0}")]
    Problems(Problems),
    /// No cell is selected.
    #[error(transparent)]
    Selection(SelectError),
    /// A photo or a folder of photos cannot be used.
    #[error(transparent)]
    Photos(#[from] PhotoError),
    /// A base model cannot be used or had.
    #[error("{}", .0)]
    Model(anyhow::Error),
}

impl StudyError {
    /// The error that is told: of a model that of the lookup, with all its causes.
    #[must_use]
    pub fn into_cause(self) -> anyhow::Error {
        match self {
            Self::Model(error) => error,
            other => other.into(),
        }
    }

    /// Whether a download was stopped, which is no fault of the study.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let Self::Model(error) = self else { return false };
        error.chain().any(|cause| matches!(cause.downcast_ref(), Some(HubError::Stopped { .. })))
    }
}

impl From<Problems> for StudyError {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}

impl From<SelectError> for StudyError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Wrong(problems) => Self::Problems(problems),
            nothing @ SelectError::Nothing { .. } => Self::Selection(nothing),
        }
    }
}
