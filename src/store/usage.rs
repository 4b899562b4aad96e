//! The lock that keeps `clean` out while others work: everyone who makes artifacts shares it, `clean` needs it alone.

use super::{
    error::{At, StoreError},
    files::remove,
};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long `clean` waits for programs that are about to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lock for removing things, held until the file is closed; `None` while another process works in the store.
///
/// # Errors
/// A file that cannot be made or locked.
pub(super) fn alone(root: &Path) -> Result<Option<File>, StoreError> {
    let (file, path) = open(root)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::Error(e)) => return Err(e).at("lock", &path),
        }
    }
}

/// The lock for working in the store, held until the file is closed. Waits until a `clean` has ended.
pub(super) fn share(root: &Path) -> Result<File, StoreError> {
    let (file, path) = open(root)?;
    file.lock_shared().at("lock", &path)?;
    Ok(file)
}

fn open(root: &Path) -> Result<(File, PathBuf), StoreError> {
    let path = root.join(".in-use");
    if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
        remove(&path)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
    Ok((file, path))
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    #[test]
    fn a_cleaner_is_alone_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Store::alone(&folder.path().join("none")).unwrap().is_some());
        let (one, two) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
        assert!(Store::alone(folder.path()).unwrap().is_none());
        drop((one, two));
        let alone = Store::alone(folder.path()).unwrap().unwrap();
        assert!(Store::alone(folder.path()).unwrap().is_none());
        drop(alone);
        Store::open(folder.path()).unwrap();
    }
}
