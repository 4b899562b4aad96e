//! Who works in a store: everyone who makes or reads artifacts shares a lock that `clean` wants for itself.

use super::{Store, StoreError, error::At};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How long a cleaner waits for readers that are just leaving.
const PATIENCE: Duration = Duration::from_secs(1);

impl Store {
    /// The store for one who removes things; `None` while another process works in it. As long as the result lives,
    /// nobody else begins to.
    ///
    /// # Errors
    /// A file that cannot be made or locked.
    pub fn alone(root: &Path) -> Result<Option<Self>, StoreError> {
        let mut store = Self::reader(root);
        if !store.root.is_dir() {
            return Ok(Some(store));
        }
        let (file, path) = open(&store.root)?;
        let begun = std::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::Error(e)) => return Err(e).at("lock", &path),
            }
        }
        store._in_use = Some(Arc::new(file));
        Ok(Some(store))
    }
}

/// The lock of one who works in the store, held until the file is closed. Waits for a cleaner to end.
pub(super) fn share(root: &Path) -> Result<File, StoreError> {
    let (file, path) = open(root)?;
    file.lock_shared().at("lock", &path)?;
    Ok(file)
}

fn open(root: &Path) -> Result<(File, PathBuf), StoreError> {
    let path = root.join(".in-use");
    if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
        super::files::remove(&path)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
    Ok((file, path))
}

#[cfg(test)]
mod tests {
    use super::*;

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
