//! Why a report cannot be written.

use std::path::{Path, PathBuf};

use crate::files::FileError;
use crate::text;

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file or folder cannot be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A stored list does not say what it should.
    #[error("{path}: {reason}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An image of the store is damaged.
    #[error("{name} is not a readable image: {reason}")]
    Image {
        /// Relative to the report.
        name: String,
        /// What the decoder says.
        reason: String,
    },
    /// A name that would leave the report folder.
    #[error("`{0}` is not the name of a file inside the report")]
    Name(String),
    /// A link stands where the report has a folder of its own.
    #[error("{} is a link, where the report has a folder; move it away and run again", .0.display())]
    Link(PathBuf),
    /// The folder holds the report of another experiment.
    #[error(
        "{folder} holds the report of another experiment file, {other}; change `name` in {experiment}, or replace that \
         report with --replace", folder = folder.display()
    )]
    Taken {
        /// The report folder.
        folder: PathBuf,
        /// The experiment file that wrote it.
        other: String,
        /// The experiment file that would write it.
        experiment: String,
    },
    /// The page as one file is larger than it may be.
    #[error(
        "the page as one file would have {}, and {} are allowed; allow more with --max-size",
        text::bytes(*bytes), text::bytes(*most)
    )]
    TooLarge {
        /// What it would have.
        bytes: u64,
        /// What it may have.
        most: u64,
    },
    /// A picture cannot be drawn.
    #[error("cannot draw {name}: {reason}")]
    Draw {
        /// Relative to the report.
        name: &'static str,
        /// What the plotting library says.
        reason: String,
    },
}

impl ReportError {
    pub(super) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::File(FileError { action: "write", path: path.to_owned(), source })
    }

    pub(super) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::File(FileError { action: "read", path: path.to_owned(), source })
    }
}
