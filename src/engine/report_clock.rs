//! When the report is written while work goes on.

use std::time::{Duration, Instant};

/// Lets the report be written when cells have ended, but only every so often: it takes longer the more cells there are.
pub(super) struct ReportClock {
    every: Duration,
    last: Option<Instant>,
    /// Whether the report shows everything that has ended.
    current: bool,
    /// How many cells had ended at the last look.
    ended: usize,
}

impl ReportClock {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, last: None, current: false, ended: 0 }
    }

    /// Whether the report shows everything.
    pub(super) fn is_current(&self) -> bool {
        self.current
    }

    /// Something changes that the report shows.
    pub(super) fn outdate(&mut self) {
        self.current = false;
    }

    /// Whether the report is to be written at `now`, when so many cells have ended.
    pub(super) fn is_due(&mut self, ended: usize, now: Instant) -> bool {
        let due = ended > self.ended && self.last.is_none_or(|last| now.saturating_duration_since(last) >= self.every);
        if due {
            self.ended = ended;
        }
        due
    }

    /// The report was written, or could not be.
    pub(super) fn written(&mut self, worked: bool, now: Instant) {
        self.current = worked;
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_written_at_most_every_so_often() {
        let (mut clock, start) = (ReportClock::new(Duration::from_secs(30)), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!clock.is_due(0, at(0)), "nothing has ended");
        assert!(clock.is_due(1, at(1)));
        clock.written(true, at(2));
        assert!(!clock.is_due(2, at(10)));
        assert!(clock.is_due(2, at(32)), "what ended meanwhile is not forgotten");
        clock.written(false, at(33));
        assert!(!clock.is_due(2, at(99)) && !clock.is_current());
    }
}
