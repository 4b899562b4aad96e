//! How far a job is: a bar on a terminal, a line now and then elsewhere.

use std::time::Instant;

use indicatif::ProgressBar;

use super::bar::{Bars, PLAIN_EVERY};
use super::pace::Pace;
use crate::text::{duration, plain_text};

/// A job that is being worked on.
pub(super) struct JobView {
    title: String,
    pace: Pace,
    last_line: Option<Instant>,
    bar: Option<ProgressBar>,
}

/// How far it is.
pub(super) struct Progress<'a> {
    pub(super) done: u64,
    pub(super) total: u64,
    /// What is counted, e.g. `steps`.
    pub(super) unit: &'a str,
    /// Anything else, e.g. `loss 0.123`; may be empty.
    pub(super) detail: &'a str,
}

impl JobView {
    /// A job that begins, with a bar if there are `bars`.
    pub(super) fn new(title: String, bars: Option<&Bars>) -> Self {
        let bar = bars.map(|bars| bars.add(&title));
        Self { title, pace: Pace::default(), last_line: None, bar }
    }

    /// Moves the bar, or returns the line to write if it is time for one.
    pub(super) fn update(&mut self, progress: &Progress<'_>, now: Instant) -> Option<String> {
        let Progress { done, total, unit, detail } = *progress;
        self.pace.update(done, now);
        let mut parts = vec![format!("{done}/{total} {unit}")];
        if !detail.is_empty() {
            parts.push(plain_text(detail));
        }
        parts.extend(self.pace.rate_text(unit));
        parts.extend(self.pace.remaining(done, total).map(|left| format!("ETA {}", duration(left))));
        let text = parts.join("  ");
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(text);
            return None;
        }
        if self.last_line.is_some_and(|last| done < total && now - last < PLAIN_EVERY) {
            return None;
        }
        self.last_line = Some(now);
        Some(format!("{}  {text}", self.title))
    }
}

impl Drop for JobView {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
