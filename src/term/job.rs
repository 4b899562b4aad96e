//! How far a job is: a bar on a terminal, a line now and then elsewhere.

use std::time::Instant;

use indicatif::ProgressBar;

use super::bar::{Bars, PLAIN_EVERY};
use super::pace::Pace;
use crate::text::{duration, plain_text};

/// A job that is being worked on.
pub(super) struct JobView {
    title: Title,
    pace: Pace,
    last_line: Option<Instant>,
    bar: Option<ProgressBar>,
}

/// What people call a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Title {
    /// Short: who does what, e.g. `cpu-1: train`.
    pub(super) head: String,
    /// The rest, e.g. `dataset.size=5`; may be empty.
    pub(super) rest: String,
}

impl std::fmt::Display for Title {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { head, rest } = self;
        if rest.is_empty() { f.write_str(head) } else { write!(f, "{head} {rest}") }
    }
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
    pub(super) fn new(title: Title, bars: Option<&Bars>) -> Self {
        let bar = bars.map(|bars| bars.add(&title.head));
        Self { title, pace: Pace::default(), last_line: None, bar }
    }

    /// Moves the bar, or returns the line to write if it is time for one.
    pub(super) fn update(&mut self, progress: &Progress<'_>, now: Instant) -> Option<String> {
        let Progress { done, total, unit, detail } = *progress;
        self.pace.update(done, now);
        let count = format!("{done}/{total} {unit}");
        let detail = (!detail.is_empty()).then(|| plain_text(detail));
        let left = self.pace.remaining(done, total).map(|left| format!("ETA {}", duration(left)));
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            // What matters least may be cut off.
            let rest = Some(self.title.rest.clone());
            let parts = [Some(count), left, detail, rest, self.pace.rate_text(unit)].into_iter().flatten();
            bar.set_message(parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  "));
            return None;
        }
        let parts = [Some(count), detail, self.pace.rate_text(unit), left].into_iter().flatten();
        let text = parts.collect::<Vec<_>>().join("  ");
        if self.last_line.is_some_and(|last| done < total && now - last < PLAIN_EVERY) {
            return None;
        }
        self.last_line = Some(now);
        Some(format!("{}  {text}", self.title))
    }
}

impl JobView {
    /// Moves the bar of a study. Its jobs are too different for a rate.
    pub(super) fn count(&mut self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(format!("{done}/{total} jobs"));
        }
    }
}

impl Drop for JobView {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_matters_comes_first_behind_a_bar() {
        let title = Title { head: "cpu-1: train".into(), rest: "dataset.size=5".into() };
        assert_eq!(title.to_string(), "cpu-1: train dataset.size=5");
        let (mut view, now) = (JobView::new(title, Some(&Bars::new())), Instant::now());
        let at = |done| Progress { done, total: 60, unit: "steps", detail: "loss 1.5" };
        assert_eq!(view.update(&at(10), now), None, "a bar writes no lines");
        let message = |view: &JobView| view.bar.as_ref().unwrap().message();
        assert_eq!(message(&view), "10/60 steps  loss 1.5  dataset.size=5");
        view.update(&at(30), now + Duration::from_secs(10));
        assert_eq!(message(&view), "30/60 steps  ETA 15 s  loss 1.5  dataset.size=5  2.0 steps/s");
        view.count(3, 7);
        assert_eq!(message(&view), "3/7 jobs");
    }
}
