//! `--max-hours`: how long a command may work.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::session::Session;
use crate::engine::TimeLimit;
use crate::event::{Event, Observer as _};

/// The longest time that can be asked for: ten years.
const MOST_HOURS: f64 = 87_600.0;

/// How long a command may work.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct TimeArgs {
    /// Stop after H hours, e.g. 3.5: save a checkpoint and end with exit code 75. No job is begun that is known to take
    /// longer than what is left, unless it is longer than H
    #[arg(long, value_name = "H", value_parser = hours)]
    max_hours: Option<f64>,
}

impl TimeArgs {
    /// The option as it was given.
    pub(super) fn to_word(self) -> Option<OsString> {
        self.max_hours.map(|hours| format!("--max-hours={hours}").into())
    }

    /// Begins to count: at the limit the command is asked to stop, as by a signal.
    pub(super) fn begin(self, session: &Session) -> Option<TimeLimit> {
        let hours = self.max_hours?;
        let limit = TimeLimit::from_now(Duration::from_secs_f64(hours * 3600.0));
        let (stop, terminal) = (session.stop.clone(), std::sync::Arc::clone(&session.terminal));
        std::thread::spawn(move || {
            while !limit.left().is_zero() {
                std::thread::sleep(limit.left());
            }
            if !stop.is_set() {
                terminal.observe(&Event::Stopping { signal: format!("--max-hours {hours}") });
                stop.stop();
            }
        });
        Some(limit)
    }
}

fn hours(text: &str) -> Result<f64, String> {
    let hours = text.parse().ok().filter(|hours| *hours > 0.0 && *hours <= MOST_HOURS);
    hours.ok_or_else(|| format!("expected a number of hours above 0 and at most {MOST_HOURS}"))
}
