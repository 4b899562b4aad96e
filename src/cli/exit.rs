//! Exit codes, and errors with their exit code.

use crate::text::{Paint, plain_text};
use std::{fmt::Write as _, io::Write as _, process::ExitCode};

/// The exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for is done.
    Done = 0,
    /// Something that should not happen, or the system refused.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// `--only` matches no cell.
    NothingSelected = 4,
    /// A signal came; a checkpoint is written, run me again.
    Stopped = 75,
    /// The experiment, a model, a photo or a folder it names is not usable.
    Experiment = 96,
    /// Some cells failed, the others are done.
    SomeFailed = 100,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it should, and the exit code for it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    /// `None`: already told, or nobody listens (closed pipe).
    error: Option<anyhow::Error>,
}

impl Failure {
    /// An error to be printed, with its exit code.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: Some(error.into()) }
    }

    /// Ends the program without a message.
    #[must_use]
    pub fn silent(exit: Exit) -> Self {
        Self { exit, error: None }
    }

    /// The error and its causes in one line; `None` if nobody listens.
    pub(super) fn message(&self) -> Option<String> {
        match &self.error {
            Some(error) => Some(format!("{error:#}")),
            None if self.exit == Exit::Done => None,
            None => Some("the reason is on standard error".to_owned()),
        }
    }

    /// Prints the chain of causes to standard error and returns the exit code.
    #[must_use]
    pub fn print(&self, paint: Paint) -> Exit {
        if let Some(error) = &self.error {
            // Nobody is left to tell when standard error is closed.
            let _ = std::io::stderr().write_all(chain(error, paint).as_bytes());
        }
        self.exit
    }
}

/// `error: what` and its causes, one per line. A cause that the line above already contains is left out.
fn chain(error: &anyhow::Error, paint: Paint) -> String {
    let mut said = plain_text(&error.to_string());
    let mut text = format!("{} {said}\n", paint.red("error:"));
    for cause in error.chain().skip(1) {
        let cause = plain_text(&cause.to_string());
        if !said.contains(&cause) {
            let _ = writeln!(text, "  {} {cause}", paint.dim("because:"));
            said = cause;
        }
    }
    text
}

/// Gives an error its exit code.
pub(super) trait OrExit<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn the_chain_says_everything_once() {
        let error = Err::<(), _>(anyhow::anyhow!("no such file\x1b")).context("cannot read a.toml").unwrap_err();
        assert_eq!(chain(&error, Paint::OFF), "error: cannot read a.toml\n  because: no such file\\u{1b}\n");
        let error = Err::<(), _>(anyhow::anyhow!("gone")).context("cannot read a.toml: gone").unwrap_err();
        assert_eq!(chain(&error, Paint::OFF), "error: cannot read a.toml: gone\n");
    }
}
