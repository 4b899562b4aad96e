//! What a file system says about a file: if none of it changed, the content did not.

use std::{fs::Metadata, time::Duration};

use serde::{Deserialize, Serialize};

/// A file system may write times as coarse as this: a file that was changed so recently could change once more
/// without another time.
const SETTLED: Duration = Duration::from_secs(2);

/// Size, times and place of a file. The time of change (`ctime`) cannot be set by a program: it tells a file that was
/// written in place and got its old time of modification back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    size: u64,
    modified: i64,
    changed: i64,
    inode: u64,
    device: u64,
}

impl Fingerprint {
    /// `None` where the system does not tell enough.
    #[must_use]
    #[cfg(unix)]
    pub fn of(file: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let nanoseconds = |seconds: i64, rest: i64| seconds.checked_mul(1_000_000_000)?.checked_add(rest);
        Some(Self {
            size: file.size(),
            modified: nanoseconds(file.mtime(), file.mtime_nsec())?,
            changed: nanoseconds(file.ctime(), file.ctime_nsec())?,
            inode: file.ino(),
            device: file.dev(),
        })
    }

    /// `None`: this system does not tell enough.
    #[must_use]
    #[cfg(not(unix))]
    pub fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// Whether the file was certainly left alone since `other` was written.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.changed < other.changed
    }

    /// Whether the file was old enough at that time (since 1970) that a later change shows.
    pub(super) fn settled(&self, now: Duration) -> bool {
        let last = self.modified.max(self.changed);
        u64::try_from(last).is_ok_and(|last| Duration::from_nanos(last) + SETTLED <= now)
    }
}
