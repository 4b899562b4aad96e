//! What can be wrong with a photo, always naming the file and what to do.

use std::path::{Path, PathBuf};

use super::limits::{MAX_CAPTION_BYTES, MAX_ENTRIES, MAX_FILE_BYTES, MAX_PIXELS};

/// Why photos cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// The named file or folder is not there.
    #[error("{}: no such file or folder", path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
    },
    /// Reading failed.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file the user named by itself is not a photo.
    #[error("{}: {reason}", path.display())]
    NotAPhoto {
        /// The file.
        path: PathBuf,
        /// A fragment such as `an empty file`.
        reason: String,
    },
    /// The file is damaged or of a variant nobody here can read.
    #[error("{}: {reason}; open it in an image program and save it again as JPEG or PNG, or remove it", path.display())]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// A fragment such as `the JPEG file ends too early`.
        reason: String,
    },
    /// More bytes than [`MAX_FILE_BYTES`].
    #[error("{}: {bytes} bytes, at most {MAX_FILE_BYTES} are allowed; save a smaller copy", path.display())]
    TooManyBytes {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// More pixels than [`MAX_PIXELS`].
    #[error(
        "{}: {width} × {height} pixels, at most {} million are allowed; save a smaller copy",
        path.display(),
        MAX_PIXELS / 1_000_000
    )]
    TooManyPixels {
        /// The file.
        path: PathBuf,
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// A caption that cannot be used.
    #[error("{}: {reason} (a caption is UTF-8 text of at most {MAX_CAPTION_BYTES} bytes)", path.display())]
    Caption {
        /// The `.txt` file.
        path: PathBuf,
        /// A fragment such as `not UTF-8`.
        reason: String,
    },
    /// A mask that cannot be used.
    #[error(
        "{}: {reason} (a mask is a grey picture in the shape of its photo: white where the subject is, else black); \
         mend or remove it",
        path.display()
    )]
    Mask {
        /// The mask.
        path: PathBuf,
        /// A fragment such as `coloured`.
        reason: String,
    },
    /// More than [`MAX_ENTRIES`] files and folders.
    #[error(
        "{}: more than {MAX_ENTRIES} files and folders; name the folder that holds the photos of the subject",
        path.display()
    )]
    TooManyFiles {
        /// The folder the user named.
        path: PathBuf,
    },
    /// The file is not the one that was scanned.
    #[error("{}: changed since it was scanned; run again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Several of the above, so that a user can mend them all at once.
    #[error("{}", lines(.0))]
    Several(Vec<PhotoError>),
}

impl PhotoError {
    /// One error as it is, several as [`PhotoError::Several`], none as `None`.
    #[must_use]
    pub fn all(mut errors: Vec<Self>) -> Option<Self> {
        if errors.len() > 1 { Some(Self::Several(errors)) } else { errors.pop() }
    }

    /// The file or folder; `None` for several.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path }
            | Self::Io { path, .. }
            | Self::NotAPhoto { path, .. }
            | Self::Undecodable { path, .. }
            | Self::TooManyBytes { path, .. }
            | Self::TooManyPixels { path, .. }
            | Self::Caption { path, .. }
            | Self::Mask { path, .. }
            | Self::TooManyFiles { path }
            | Self::Changed { path } => Some(path),
            Self::Several(_) => None,
        }
    }

    /// What is wrong, without the file's name.
    #[must_use]
    pub fn reason(&self) -> String {
        let text = self.to_string();
        let start = self.path().map(|path| format!("{}: ", path.display())).unwrap_or_default();
        text.strip_prefix(&start).unwrap_or(&text).to_owned()
    }

    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::NotFound {
            return Self::Missing { path: path.to_owned() };
        }
        Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn undecodable(path: &Path, reason: impl Into<String>) -> Self {
        Self::Undecodable { path: path.to_owned(), reason: reason.into() }
    }
}

fn lines(errors: &[PhotoError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_errors_are_told_at_once() {
        let missing = |name: &str| PhotoError::Missing { path: name.into() };
        assert!(PhotoError::all(vec![]).is_none());
        assert_eq!(PhotoError::all(vec![missing("a")]).expect("one").to_string(), "a: no such file or folder");
        assert_eq!(
            PhotoError::all(vec![missing("a"), missing("b")]).expect("two").to_string(),
            "a: no such file or folder\nb: no such file or folder"
        );
    }
}
