//! Failed work is remembered with its reason, for `status`, reports and the next run, which tries again.

use super::{
    Key, Store, StoreError,
    files::{read_small, remove, write_atomic},
    measure,
};
use crate::stage::Stage;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Why the last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In words for the user.
    pub reason: String,
    /// When, UTC, RFC 3339.
    pub when: String,
}

impl Store {
    /// Remembers why a piece of work failed; a later commit forgets it.
    pub fn record_failure(&self, stage: Stage, key: &Key, reason: &str) -> Result<(), StoreError> {
        let failure = Failure { reason: reason.to_owned(), when: measure::now() };
        let text = serde_json::to_vec_pretty(&failure)
            .map_err(|e| StoreError::Damaged { path: self.failure_path(stage, key), what: e.to_string() })?;
        write_atomic(&self.failure_path(stage, key), &text)
    }

    /// Why the last attempt failed, if it did. A damaged record still says that it failed.
    pub fn failure(&self, stage: Stage, key: &Key) -> Result<Option<Failure>, StoreError> {
        let Some(text) = read_small(&self.failure_path(stage, key))? else { return Ok(None) };
        let unknown = |_| Failure { reason: "the record of the reason is damaged".to_owned(), when: String::new() };
        Ok(Some(serde_json::from_slice(&text).unwrap_or_else(unknown)))
    }

    pub(super) fn clear_failure(&self, stage: Stage, key: &Key) -> Result<(), StoreError> {
        remove(&self.failure_path(stage, key))
    }

    fn failure_path(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root().join(".failed").join(format!("{stage}-{key}.json"))
    }
}
