//! Failures that pass: a full disk, a file system of the network that does not answer. They are waited for, each time
//! twice as long, but not for ever.

use std::time::Duration;

use crate::store::StoreError;

/// So often in a row something is tried again: for about two minutes.
pub(super) const MOST: u32 = 7;
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(60);

/// How often in a row something that may pass went wrong.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
}

impl Patience {
    /// Something was done.
    pub(super) fn renew(&mut self) {
        self.failures = 0;
    }

    /// How often in a row something went wrong, and how long to wait before the next try; `None` if it will not pass,
    /// or did not pass for too long.
    pub(super) fn after(&mut self, error: &anyhow::Error) -> Option<(u32, Duration)> {
        let may_pass = error.chain().filter_map(|cause| cause.downcast_ref::<StoreError>()).any(StoreError::may_pass);
        if !may_pass || self.failures >= MOST {
            return None;
        }
        self.failures += 1;
        Some((self.failures, Duration::from_secs(1 << (self.failures - 1)).min(LONGEST)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn error(kind: io::ErrorKind) -> anyhow::Error {
        let (action, path) = ("write", "x".into());
        anyhow::Error::new(StoreError::Io { action, path, source: kind.into() }).context("train A could not go on")
    }

    #[test]
    fn patience_grows_and_ends() {
        let mut patience = Patience::default();
        assert_eq!(patience.after(&error(io::ErrorKind::PermissionDenied)), None);
        assert_eq!(patience.after(&anyhow::anyhow!("disk full")), None);
        let mut next = || patience.after(&error(io::ErrorKind::StorageFull)).map(|(_, pause)| pause.as_secs());
        let pauses: Vec<Option<u64>> = (0..=MOST).map(|_| next()).collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(8), Some(16), Some(32), Some(60), None]);
        patience.renew();
        let first = patience.after(&error(io::ErrorKind::StaleNetworkFileHandle));
        assert_eq!(first, Some((1, Duration::from_secs(1))));
    }
}
