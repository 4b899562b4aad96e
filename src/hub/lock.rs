//! One process at a time fetches a file. The lock is `flock` on the file that Python's `huggingface_hub` uses, so it
//! holds between both, and the system releases it when its owner dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    /// `None` where the file system knows no locks: two processes may then fetch a file twice, and each checks it.
    _file: Option<File>,
}

/// Takes the lock, or `None` if another process holds it.
pub(super) fn try_take(path: &Path) -> io::Result<Option<Lock>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    loop {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        // As Python does: others of the group may wait for it too.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o664);
        let file = options.open(path)?;
        match file.try_lock() {
            // Python removes the file when it is done: then this is the lock of a file that nobody else will see.
            Ok(()) if !is_still(path, &file)? => {}
            Ok(()) => return Ok(Some(Lock { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) if knows_no_locks(&e) => return Ok(Some(Lock { _file: None })),
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
}

/// Whether the name still means this file.
#[cfg(unix)]
fn is_still(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// An open file cannot be removed here.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on all systems")]
fn is_still(_: &Path, _: &File) -> io::Result<bool> {
    Ok(true)
}

fn knows_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_until_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.lock");
        let held = try_take(&path).unwrap();
        assert!(held.is_some());
        assert!(try_take(&path).unwrap().is_none());
        drop(held);
        assert!(try_take(&path).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_removed_lock_file_is_another_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let file = File::create(&path).unwrap();
        assert!(is_still(&path, &file).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_still(&path, &file).unwrap());
        File::create(&path).unwrap();
        assert!(!is_still(&path, &file).unwrap());
    }
}
