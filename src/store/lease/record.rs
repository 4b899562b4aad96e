//! What a lease's file says.
//!
//! Two lines: the holder as JSON, which never changes, and the heartbeat, which is written over in place and has always
//! the same length: `held 0000000017 2026-11-28T13:05:17Z`.

use std::{io, time::Duration};

use serde::{Deserialize, Serialize};

use super::process::Process;
use crate::files::unique;
use crate::store::measure;

/// So long may a heartbeat stand still if nothing else is said.
const USUAL_SECONDS: u32 = 60;
/// Another time for it, in seconds: longer where a shared file system may not answer for a minute.
const SECONDS: &str = "RUNNER_LEASE_SECONDS";
/// So many heartbeats are missed before a right is over.
const BEATS: u32 = 12;

/// Who holds a right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    #[serde(flatten)]
    pub process: Process,
    /// Told to nobody else: what lies in the store under this name is of this holder and no other.
    pub token: String,
    /// What it computes on, e.g. `cuda:1`; may be empty.
    pub device: String,
    /// Since when, UTC, RFC 3339, by its own clock.
    pub since: String,
    /// If its heartbeat stands still for so many seconds, its right is over.
    pub lease_seconds: u32,
}

impl Holder {
    /// This process, which begins to hold a right now. `device` is what it computes on.
    ///
    /// # Errors
    /// A system without random numbers.
    pub(in crate::store) fn this(device: &str) -> io::Result<Self> {
        let given = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
        Ok(Self {
            process: Process::this(),
            token: unique::token()?,
            device: device.to_owned(),
            since: measure::now(),
            lease_seconds: given.unwrap_or(USUAL_SECONDS),
        })
    }

    /// How long its heartbeat may stand still.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    /// The time between two heartbeats.
    pub(super) fn beat(&self) -> Duration {
        self.patience() / BEATS
    }
}

/// The content of a lease's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Record {
    pub(in crate::store) holder: Holder,
    /// Whether the holder has not given it back.
    pub(in crate::store) held: bool,
    /// When the heartbeat was last heard, UTC, RFC 3339, by the holder's clock.
    pub(in crate::store) alive: String,
}

impl Record {
    /// The first line.
    pub(super) fn head(holder: &Holder) -> String {
        // Texts and numbers can always be written as JSON.
        serde_json::to_string(holder).unwrap_or_default() + "\n"
    }

    /// The second line, of the `count`th heartbeat.
    pub(super) fn beat(held: bool, count: u64) -> String {
        format!("{} {count:010} {}\n", if held { "held" } else { "free" }, measure::now())
    }

    /// `None` if it is none, e.g. because half of it was read while it was written.
    pub(in crate::store) fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(text).ok()?.lines();
        let holder = serde_json::from_str(lines.next()?).ok()?;
        let mut words = lines.next()?.split(' ');
        let held = match words.next()? {
            "held" => true,
            "free" => false,
            _ => return None,
        };
        words.next()?;
        Some(Self { holder, held, alive: words.next()?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let holder = Holder::this("cuda:1").unwrap();
        for held in [true, false] {
            let text = Record::head(&holder) + &Record::beat(held, 17);
            let record = Record::parse(text.as_bytes()).unwrap();
            assert_eq!((&record.holder, record.held), (&holder, held));
            assert!(record.alive >= holder.since);
            for cut in 0..text.len() - 30 {
                assert_eq!(Record::parse(&text.as_bytes()[..cut]), None, "{cut}");
            }
        }
        assert_eq!(Record::beat(true, 1).len(), Record::beat(false, u64::from(u32::MAX)).len());
        assert_eq!(Record::parse(b"\xff"), None);
    }
}
