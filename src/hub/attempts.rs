//! How often something is tried again, and how long is waited between.

use super::fault::{Fault, Kind};
use super::limits::Limits;
use super::news::{News, Watch};

/// Asks until there is an answer or a reason to give up.
pub(super) fn retry<T>(
    limits: &Limits,
    watch: Watch<'_>,
    mut ask: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut attempts = Attempts::new(limits, watch);
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(fault) => attempts.failed(fault, 0)?,
        }
    }
}

/// Counts the attempts that brought nothing, and pauses after each.
pub(super) struct Attempts<'a> {
    limits: &'a Limits,
    watch: Watch<'a>,
    count: u32,
}

impl<'a> Attempts<'a> {
    /// None has been made yet.
    pub(super) fn new(limits: &'a Limits, watch: Watch<'a>) -> Self {
        Self { limits, watch, count: 0 }
    }

    /// After a failed attempt that brought `gain` bytes: pauses, or gives up with the fault.
    pub(super) fn failed(&mut self, mut fault: Fault, gain: u64) -> Result<(), Fault> {
        self.count = if gain >= self.limits.gain { 1 } else { self.count + 1 };
        if !fault.may_pass() {
            return Err(fault);
        }
        if self.count >= self.limits.tries {
            fault.what = format!("{} (tried {} times)", fault.what, self.count);
            return Err(fault);
        }
        let usual = self.limits.pause * 2u32.pow(self.count.min(16) - 1);
        let pause = match fault.kind {
            Kind::Busy(Some(asked)) if asked > self.limits.longest_pause => {
                fault.what = format!("{} and asks to wait {} s: try again then", fault.what, asked.as_secs());
                return Err(fault);
            }
            Kind::Busy(Some(asked)) => asked,
            _ => usual.min(self.limits.longest_pause),
        };
        (self.watch.news)(News::Note(format!("{}: trying again in {:.0} s", fault.what, pause.as_secs_f64())));
        self.watch.pause(pause);
        if (self.watch.stop)() { Err(Fault::stopped()) } else { Ok(()) }
    }
}
