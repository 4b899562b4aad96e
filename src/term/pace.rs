//! Rate and remaining time of a job, from the first progress of this attempt: a resumed one begins mid-way.
//!
//! indicatif's own rate serves bars only, and takes the steps of an earlier attempt for work of this one.

use std::time::Instant;

/// When the job was where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    first: Option<(u64, Instant)>,
    /// Units per second.
    rate: Option<f64>,
}

impl Pace {
    /// The job has done `done` units at `now`.
    pub fn update(&mut self, done: u64, now: Instant) {
        let (first, since) = *self.first.get_or_insert((done, now));
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        if done > first && seconds > 0.0 {
            self.rate = Some((done - first) as f64 / seconds);
        }
    }

    /// `2.1 steps/s`, or `3.4 s/step` when slower than one a second.
    pub(super) fn rate_text(&self, unit: &str) -> Option<String> {
        let rate = self.rate?;
        Some(match rate {
            10.0.. => format!("{rate:.0} {unit}/s"),
            1.0..10.0 => format!("{rate:.1} {unit}/s"),
            _ => format!("{:.1} s/{}", 1.0 / rate, unit.strip_suffix('s').unwrap_or(unit)),
        })
    }

    /// Seconds until the end at this rate; `None` before anything is known and at the end.
    #[must_use]
    pub fn remaining(&self, done: u64, total: u64) -> Option<f64> {
        let left = total.checked_sub(done).filter(|left| *left > 0)?;
        Some(left as f64 / self.rate?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_resumed_job_is_not_taken_for_a_fast_one() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.update(120, start);
        assert_eq!((pace.rate_text("steps"), pace.remaining(120, 400)), (None, None));
        pace.update(140, start + Duration::from_secs(10));
        assert_eq!(pace.rate_text("steps").unwrap(), "2.0 steps/s");
        assert_eq!(pace.remaining(140, 400), Some(130.0));
        assert_eq!(pace.remaining(400, 400), None);
        assert_eq!(pace.remaining(500, 400), None);
        pace.update(141, start + Duration::from_secs(84));
        assert_eq!(pace.rate_text("steps").unwrap(), "4.0 s/step");
    }
}
