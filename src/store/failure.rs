//! Failed work is remembered with its reason, for `status`, reports and the next run, which tries again.

use super::{
    error::StoreError,
    files::{read_small, write_atomic},
    measure,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Why the last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In words for the user.
    pub reason: String,
    /// When, UTC, RFC 3339.
    pub when: String,
}

/// Writes the record of a failure that happens now.
pub(super) fn write(path: &Path, reason: &str) -> Result<(), StoreError> {
    let failure = Failure { reason: reason.to_owned(), when: measure::now() };
    let text = serde_json::to_vec_pretty(&failure)
        .map_err(|e| StoreError::Damaged { path: path.to_path_buf(), what: e.to_string() })?;
    write_atomic(path, &text)
}

/// Reads the record of a failure; `None` if there is none. A damaged record still says that the work failed.
pub(super) fn read(path: &Path) -> Result<Option<Failure>, StoreError> {
    let Some(text) = read_small(path)? else { return Ok(None) };
    let unknown = |_| Failure { reason: "the record of the reason is damaged".to_owned(), when: String::new() };
    Ok(Some(serde_json::from_slice(&text).unwrap_or_else(unknown)))
}
