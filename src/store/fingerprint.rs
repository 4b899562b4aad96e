//! Which files need not be hashed again: those nobody can have touched since.

use super::StoreError;
use std::{
    collections::BTreeMap,
    fs::Metadata,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// What changes when a file's content or place changes: size, inode, and the times of the last write and of the last
/// change of its status. The last one cannot be set by a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fingerprint {
    /// Nanoseconds; compared first.
    changed: i128,
    written: i128,
    bytes: u64,
    inode: u64,
}

impl Fingerprint {
    pub(super) fn of(meta: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
            Self {
                changed: nanoseconds(meta.ctime(), meta.ctime_nsec()),
                written: nanoseconds(meta.mtime(), meta.mtime_nsec()),
                bytes: meta.len(),
                inode: meta.ino(),
            }
        }
        #[cfg(not(unix))]
        {
            let since = |time: std::io::Result<std::time::SystemTime>| {
                let time = time.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
                time.and_then(|time| i128::try_from(time.as_nanos()).ok()).unwrap_or(i128::MAX)
            };
            let written = since(meta.modified());
            Self { changed: written, written, bytes: meta.len(), inode: 0 }
        }
    }

    /// Whether the file was certainly left alone since `other` was written.
    pub(super) fn is_older_than(self, other: Self) -> bool {
        self.changed < other.changed
    }
}

/// The files this process has hashed and found intact. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Intact(Arc<Mutex<BTreeMap<PathBuf, Fingerprint>>>);

impl Intact {
    /// Whether the file was found intact and was left alone since; else asks `check` and remembers a yes.
    pub(super) fn or_check(
        &self,
        path: &Path,
        now: Fingerprint,
        check: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let known = self.0.lock().ok().and_then(|known| known.get(path).copied());
        if known == Some(now) {
            return Ok(true);
        }
        let intact = check()?;
        if intact && let Ok(mut known) = self.0.lock() {
            known.insert(path.to_path_buf(), now);
        }
        Ok(intact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_checked_once_until_it_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "1").unwrap();
        let now = || Fingerprint::of(&path.metadata().unwrap());
        let (intact, mut asked) = (Intact::default(), 0);
        let mut ask = |answer: bool| {
            intact.or_check(&path, now(), || {
                asked += 1;
                Ok(answer)
            })
        };
        assert!(!ask(false).unwrap() && ask(true).unwrap() && ask(false).unwrap());
        // Times of a file system may have a coarse grain.
        std::thread::sleep(std::time::Duration::from_millis(30));
        std::fs::write(&path, "2").unwrap();
        assert!(!ask(false).unwrap());
        assert_eq!(asked, 3);
    }
}
