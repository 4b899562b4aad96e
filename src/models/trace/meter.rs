//! A counter of the bytes that are held at once.

use std::cell::Cell;
use std::rc::Rc;

/// Counts bytes. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Rc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    now: Cell<u64>,
    most: Cell<u64>,
}

/// Bytes that are counted as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: u64,
    meter: Meter,
}

impl Meter {
    /// Counts bytes until the result is dropped.
    pub(crate) fn hold(&self, bytes: u64) -> Held {
        self.keep(bytes);
        Held { bytes, meter: self.clone() }
    }

    /// Counts bytes from now on.
    pub(crate) fn keep(&self, bytes: u64) {
        let now = self.0.now.get() + bytes;
        self.0.now.set(now);
        self.0.most.set(self.0.most.get().max(now));
    }

    /// The bytes that are held.
    pub(crate) fn now(&self) -> u64 {
        self.0.now.get()
    }

    /// The most bytes that were held at once.
    pub(crate) fn most(&self) -> u64 {
        self.0.most.get()
    }
}

impl Held {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.meter.0.now.set(self.meter.0.now.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_of_what_lived_together() {
        let meter = Meter::default();
        let first = meter.hold(5);
        drop(meter.hold(3));
        drop(first);
        meter.keep(1);
        let _last = meter.hold(6);
        assert_eq!(meter.most(), 8);
    }
}
