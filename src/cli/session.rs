//! What a command needs that works for a while: progress for the user, and the wish to stop.

use std::sync::Arc;

use super::exit::{Exit, Failure, OrExit as _};
use super::options::OutputArgs;
use super::signals;
use crate::event::{Event, Observer};
use crate::term::Terminal;
use crate::worker::StopFlag;

/// The terminal and the stop flag of this process.
pub struct Session {
    pub(super) output: OutputArgs,
    pub(super) terminal: Arc<Terminal>,
    pub(super) stop: StopFlag,
}

impl Session {
    /// Opens the terminal and catches signals.
    ///
    /// # Errors
    /// A signal handler that cannot be installed.
    pub fn start(output: &OutputArgs) -> Result<Self, Failure> {
        let terminal = Arc::new(Terminal::new(output.progress, output.error_paint(), output.json()));
        let stop = signals::install(Arc::clone(&terminal) as _).or_exit(Exit::Internal)?;
        Ok(Self { output: *output, terminal, stop })
    }

    /// Ends the command: a failure is told as the last event, and events that could not be written are a failure.
    ///
    /// # Errors
    /// The failure of `done`, or of standard output.
    pub fn end(&self, done: Result<Exit, Failure>) -> Result<Exit, Failure> {
        if let Some(message) = done.as_ref().err().and_then(Failure::message) {
            self.tell(&Event::Failed { message });
        }
        match (done, self.terminal.take_json_error()) {
            (Ok(_), Some(error)) => {
                let error = anyhow::Error::new(error).context("cannot write the events to standard output");
                Err(Failure::new(Exit::Internal, error))
            }
            (done, _) => done,
        }
    }

    /// Tells an event.
    pub(super) fn tell(&self, event: &Event) {
        self.terminal.observe(event);
    }
}
