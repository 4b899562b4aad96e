//! Remembers which files were hashed and found intact, so that they are hashed again only after they were touched.

use super::error::StoreError;
use crate::hashing::Fingerprint;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// The files this process has hashed and found intact. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Intact(Arc<Mutex<BTreeMap<PathBuf, Fingerprint>>>);

impl Intact {
    /// Returns true if the file was found intact before and was not touched since. Otherwise calls `check`, and
    /// remembers the file if the answer is yes.
    pub(super) fn or_check(
        &self,
        path: &Path,
        now: Option<&Fingerprint>,
        check: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let Some(now) = now else { return check() };
        if self.0.lock().is_ok_and(|known| known.get(path) == Some(now)) {
            return Ok(true);
        }
        let intact = check()?;
        if intact && let Ok(mut known) = self.0.lock() {
            known.insert(path.to_path_buf(), now.clone());
        }
        Ok(intact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_file_is_checked_once_until_it_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "1").unwrap();
        let now = || Fingerprint::of(&path.metadata().unwrap());
        let (intact, mut asked) = (Intact::default(), 0);
        let mut ask = |answer: bool| {
            intact.or_check(&path, now().as_ref(), || {
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
