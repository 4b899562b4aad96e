//! The only door to disk artifacts: lookup, work, commit.
//!
//! ```text
//! <root>/<stage>/<key>/{manifest.json, files…, DONE}   an artifact; the key hashes everything it depends on
//! <root>/.work/<stage>-<key>/                          work in progress, kept between attempts
//! <root>/.locks/<stage>-<key>                          held by the process that works (empty, never removed)
//! <root>/.failed/<stage>-<key>.json                    why the last attempt failed
//! <root>/.trash/                                       on its way out
//! ```
//! A kill at any moment leaves a complete artifact or none, and the next run goes on from the last checkpoint;
//! see [`Workspace`] for the order of writes. Nothing read from disk is trusted: names, sizes and the hash of
//! the manifest are checked, and what does not fit is made again.

mod artifact;
mod clean;
mod error;
mod failure;
mod files;
mod key;
mod manifest;
mod measure;
mod name;
mod workspace;

pub use artifact::{Artifact, Found};
pub use clean::{Attempt, Entry, State};
pub use error::StoreError;
pub use failure::Failure;
pub use files::write_atomic;
pub use key::{Change, Key, KeyInputs};
pub use manifest::{FileEntry, Made, Manifest, STORE_VERSION};
pub use measure::{now, peak_memory_bytes, reset_peak_memory};
pub use name::CHECKPOINT;
pub use workspace::Workspace;

use crate::stage::Stage;
use error::At;
use std::{
    fs::{self, TryLockError},
    path::{Path, PathBuf},
};

/// The folder all artifacts live in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// Answer to [`Store::claim`].
#[derive(Debug)]
pub enum Claim {
    /// The artifact is there.
    Done(Artifact),
    /// This process may do the work, nobody else does.
    Work(Workspace),
    /// Another process does it right now; ask again later.
    Busy,
}

impl Store {
    /// Opens a store, making the folder if needed. Refuses a folder that cannot be written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self::reader(root);
        for folder in [".work", ".locks"] {
            files::make_folder(&root.join(folder))?;
        }
        let probe = root.join(format!(".tmp-probe-{}", std::process::id()));
        write_atomic(&probe, b"")?;
        files::remove(&probe)?;
        Ok(store)
    }

    /// A store to look into only; nothing is written, a folder that is not there is an empty store.
    #[must_use]
    pub fn reader(root: &Path) -> Self {
        // Absolute, so that a later change of the current folder does no harm.
        Self { root: std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf()) }
    }

    /// The store's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What lies at an artifact's place: nothing, something damaged (with the reason), or the artifact.
    pub fn look(&self, stage: Stage, key: &Key) -> Result<Found, StoreError> {
        Artifact::look(&self.artifact_dir(stage, key), stage, key)
    }

    /// The artifact if it is complete; a damaged one counts as missing.
    pub fn find(&self, stage: Stage, key: &Key) -> Result<Option<Artifact>, StoreError> {
        Ok(match self.look(stage, key)? {
            Found::Done(artifact) => Some(*artifact),
            Found::Missing | Found::Damaged(_) => None,
        })
    }

    /// Asks for the right to do a piece of work.
    pub fn claim(&self, stage: Stage, inputs: &KeyInputs) -> Result<Claim, StoreError> {
        let key = inputs.key(stage);
        if let Some(artifact) = self.find(stage, &key)? {
            return Ok(Claim::Done(artifact));
        }
        let path = self.root.join(".locks").join(format!("{stage}-{key}"));
        let lock = fs::File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Claim::Busy),
            Err(TryLockError::Error(e)) => return Err(e).at("lock", &path),
        }
        // Another process may have committed between the first look and the lock.
        if let Some(artifact) = self.find(stage, &key)? {
            return Ok(Claim::Done(artifact));
        }
        Ok(match Workspace::open(self, stage, inputs, lock)? {
            Ok(workspace) => Claim::Work(workspace),
            Err(artifact) => Claim::Done(artifact),
        })
    }

    /// The stored artifact of that stage with the fewest differing inputs (the newest of several), to say why
    /// something is made again. Only keys that `counts` says yes to are looked at, unreadable ones are passed over.
    #[must_use]
    pub fn nearest(&self, stage: Stage, inputs: &KeyInputs, counts: &dyn Fn(&Key) -> bool) -> Option<Manifest> {
        let mut best: Option<(usize, Manifest)> = None;
        for key in self.keys(stage).into_iter().filter(|key| counts(key)) {
            let Ok(Some(Artifact { manifest, .. })) = self.find(stage, &key) else { continue };
            let differing = inputs.changes_from(&manifest.inputs).len();
            let better = best.as_ref().is_none_or(|(least, old)| {
                differing < *least || (differing == *least && manifest.created > old.created)
            });
            if better {
                best = Some((differing, manifest));
            }
        }
        best.map(|(_, manifest)| manifest)
    }

    /// Where an artifact is or will be.
    #[must_use]
    pub fn artifact_dir(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(stage.name()).join(key.as_str())
    }

    fn work_dir(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(".work").join(format!("{stage}-{key}"))
    }

    fn trash_dir(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(".trash").join(format!("{stage}-{key}"))
    }

    /// Keys with a folder in a stage, sorted.
    fn keys(&self, stage: Stage) -> Vec<Key> {
        let entries = fs::read_dir(self.root.join(stage.name())).into_iter().flatten();
        let mut keys: Vec<_> = entries.filter_map(|e| Key::parse(e.ok()?.file_name().to_str()?)).collect();
        keys.sort();
        keys
    }
}

#[cfg(test)]
mod tests;
