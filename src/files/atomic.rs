//! Writing by temporary file, sync and rename.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::unique;

/// Names of unfinished files begin like this; the process id, a number of the process and a count follow.
pub const TEMP_PREFIX: &str = ".tmp-";

/// What could not be done with a file, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// E.g. `write`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The reason of the operating system.
    pub source: io::Error,
}

/// Writes a file so that a kill at any moment leaves the old or the new content, never a part.
/// Missing folders on the way are made. The file has the usual rights, 0666 less the umask, so that several people can
/// share a store.
///
/// # Errors
/// The first thing that went wrong; no temporary file stays behind.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // The parent of `a.png` is the empty path: the current folder.
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wrong = |action, path: &Path| {
        let path = path.to_owned();
        move |source| FileError { action, path, source }
    };
    fs::create_dir_all(folder).map_err(wrong("make the folder", folder))?;
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temp = folder.join(format!("{TEMP_PREFIX}{}-{}-{n}", std::process::id(), unique::of_process()));
    let written = (|| {
        let mut file = File::create(&temp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temp, path)
    })();
    if written.is_err() {
        // The first error matters; whoever owns the folder removes a leftover later.
        let _ = fs::remove_file(&temp);
    }
    written.map_err(wrong("write", path))?;
    sync_folder(folder).map_err(wrong("write", folder))
}

/// Makes renames and new names in a folder survive a power cut. Windows cannot open folders: there it does nothing.
///
/// # Errors
/// The operating system's.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path).and_then(|folder| folder.sync_all()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_as_a_whole_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.txt");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_the_file_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        let error = write_atomic(&folder.path().join("taken"), b"x").unwrap_err().to_string();
        assert!(error.starts_with("cannot write") && error.contains("taken"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
