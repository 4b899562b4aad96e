//! Names of files inside an artifact: relative, plain, with forward slashes.

use super::error::StoreError;
use std::path::{Path, PathBuf};

/// The folder of a workspace that is not committed.
pub const CHECKPOINT: &str = "checkpoint";
/// Describes an artifact; written before [`DONE`].
pub(super) const MANIFEST: &str = "manifest.json";
/// Says that an artifact is complete; holds the BLAKE3 of the manifest; written last.
pub(super) const DONE: &str = "DONE";

/// Whether `name` may stand in an artifact: no `..`, nothing absolute, hidden, or odd on another system.
fn is_plain(name: &str) -> bool {
    name.len() <= 200
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.ends_with(['.', ' '])
                && !part.chars().any(|c| c.is_control() || "\\:*?\"<>|".contains(c))
        })
}

/// `folder/name` if the name is allowed in a workspace.
pub(super) fn join(folder: &Path, name: &str) -> Result<PathBuf, StoreError> {
    if is_plain(name) && name != MANIFEST && name != DONE {
        Ok(name.split('/').fold(folder.to_path_buf(), |path, part| path.join(part)))
    } else {
        Err(StoreError::Name { name: name.to_owned() })
    }
}

/// Whether a manifest may list this name.
pub(super) fn is_committed(name: &str) -> bool {
    is_plain(name) && name != MANIFEST && name != DONE && name.split('/').next() != Some(CHECKPOINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        for good in ["a.png", "images/prompt_00_1.png", "é/漫画.txt", "a b"] {
            assert!(join(Path::new("x"), good).is_ok() && is_committed(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", "c:\\x", "a\\b", "a\0b", ".hidden", "DONE"]
        {
            assert!(join(Path::new("x"), bad).is_err() && !is_committed(bad), "{bad}");
        }
        assert!(join(Path::new("x"), "manifest.json").is_err());
        assert!(join(Path::new("x"), &"a".repeat(201)).is_err());
        assert!(join(Path::new("x"), "checkpoint/state").is_ok() && !is_committed("checkpoint/state"));
    }
}
