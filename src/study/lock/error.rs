//! Why a study cannot be held to its lock.

use std::path::PathBuf;

/// At most so many changes are listed.
const MOST: usize = 20;

/// Why a lock is not there, or does not fit.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// There is none.
    #[error("there is no {}; `runner lock {}` writes it", .file.display(), .study.display())]
    Missing {
        /// The lock file.
        file: PathBuf,
        /// The experiment file.
        study: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}: {what}", .file.display())]
    Unreadable {
        /// The lock file.
        file: PathBuf,
        /// Why.
        what: String,
    },
    /// Something is not as it was.
    #[error("the study is not what {} says:\n  {}\nif that is meant, write it again: runner lock {}",
             .file.display(), list(.changed), .study.display())]
    Changed {
        /// The lock file.
        file: PathBuf,
        /// The experiment file.
        study: PathBuf,
        /// What changed, each a plain sentence.
        changed: Vec<String>,
    },
}

/// At most [`MOST`] lines.
fn list(changed: &[String]) -> String {
    let mut lines: Vec<&str> = changed.iter().take(MOST).map(String::as_str).collect();
    let more = format!("and {} more", changed.len().saturating_sub(MOST));
    if changed.len() > MOST {
        lines.push(&more);
    }
    lines.join("\n  ")
}
