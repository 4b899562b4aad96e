//! Why a `scheduler_config.json` cannot be used.

use crate::tensors::fields::FieldError;

/// What is wrong with the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The text is not JSON or a value has the wrong type.
    #[error("not a scheduler configuration: {0}")]
    Syntax(String),
    /// The scheduler is of another process.
    #[error("`_class_name`: {0}")]
    Class(String),
    /// A value is outside what makes sense.
    #[error("`{key}` is {found}, but {wanted}")]
    Value {
        /// The key in the file.
        key: String,
        /// Its value.
        found: String,
        /// What it must be.
        wanted: String,
    },
}

impl ScheduleError {
    pub(super) fn value(key: &str, found: impl ToString, wanted: impl Into<String>) -> Self {
        Self::Value { key: key.to_owned(), found: found.to_string(), wanted: wanted.into() }
    }
}

impl From<FieldError> for ScheduleError {
    fn from(FieldError { key, found, wanted }: FieldError) -> Self {
        Self::Value { key, found, wanted }
    }
}
