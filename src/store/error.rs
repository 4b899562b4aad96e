//! What can go wrong on disk. Each message has the path and says what to do.

use crate::files::FileError;
use std::{
    io,
    path::{Path, PathBuf},
};

/// An error of the store. Every variant names the file or folder.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// What was tried, e.g. `write`.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file name that may not stand in an artifact.
    #[error(
        "`{name}` is not a file name an artifact may hold: use a relative path of plain names with forward slashes, \
         not starting with a dot, at most 200 bytes"
    )]
    Name {
        /// The name as given.
        name: String,
    },
    /// Another process has taken over what this one was doing.
    #[error(
        "{}: another runner took this work over, because nothing was heard of this one for too long (was it suspended, \
         or did the file system not answer?)",
        path.display()
    )]
    Lost {
        /// The folder of the right.
        path: PathBuf,
    },
    /// A stored file is not what its manifest says.
    #[error("{}: {what}; run the experiment again, then it is made again", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
}

impl StoreError {
    /// Whether a file is not what was stored. Then its artifact can be made again.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Whether it may work a while later: the disk or the quota is full, or a file system of the network does not
    /// answer.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use io::ErrorKind as Kind;
        let Self::Io { source, .. } = self else { return false };
        // What a mount that gives up after some time answers; `io::ErrorKind` has no name for it.
        const EIO: i32 = 5;
        matches!(
            source.kind(),
            Kind::StorageFull
                | Kind::QuotaExceeded
                | Kind::StaleNetworkFileHandle
                | Kind::TimedOut
                | Kind::HostUnreachable
                | Kind::NetworkUnreachable
                | Kind::NetworkDown
                | Kind::ConnectionRefused
                | Kind::ConnectionReset
                | Kind::ConnectionAborted
                | Kind::NotConnected
                | Kind::ResourceBusy
                | Kind::WouldBlock
                | Kind::Interrupted
        ) || cfg!(unix) && source.raw_os_error() == Some(EIO)
    }
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        let FileError { action, path, source } = error;
        Self::Io { action, path, source }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => " (free some space, e.g. with `runner clean`, and run again: nothing is lost)",
        io::ErrorKind::QuotaExceeded => " (your disk quota is used up; free some space and run again: nothing is lost)",
        io::ErrorKind::FileTooLarge => {
            " (files may not be larger here: raise the limit of `ulimit -f` and run again, nothing is lost)"
        }
        io::ErrorKind::PermissionDenied => " (check who owns the folder, or choose another one)",
        io::ErrorKind::ReadOnlyFilesystem => " (choose another folder)",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            " (a file lies where a folder belongs, or the other way round; move it away and run again)"
        }
        _ => "",
    }
}

/// Attaches what was tried on which path to an I/O result.
pub(super) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { action, path: path.to_path_buf(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_with_path_and_advice() {
        let error =
            Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull)).at("write", Path::new("r/x")).unwrap_err();
        assert!(error.may_pass());
        let error = Err::<(), _>(io::Error::from(io::ErrorKind::PermissionDenied)).at("write", Path::new("r/x"));
        assert!(!error.unwrap_err().may_pass());
        let error =
            Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull)).at("write", Path::new("r/x")).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("cannot write r/x: ") && text.contains("runner clean"), "{text}");
    }
}
