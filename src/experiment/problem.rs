//! One thing that is wrong with an experiment file, and how to mend it.

use super::source::Place;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The study is not run.
    Error,
    /// The study is run; the user should know.
    Warning,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the caret points.
    pub place: Place,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, e.g. `` `train.rank` cannot be 0 ``.
    pub message: String,
    /// What should stand there, e.g. `a whole number from 1 to 1024`.
    pub expected: Option<String>,
    /// The most similar word that would be right.
    pub suggestion: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// An error at a place.
    #[must_use]
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        let severity = Severity::Error;
        Self { place, severity, message: message.into(), expected: None, suggestion: None, help: None }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message) }
    }

    /// Adds what should stand there.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds `did you mean …?`.
    #[must_use]
    pub fn suggestion(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
