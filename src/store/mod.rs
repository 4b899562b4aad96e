//! The only door to disk artifacts: lookup, work, commit.
//!
//! ```text
//! <root>/<stage>/<key>/{manifest.json, files…, DONE}   an artifact; the key hashes everything it depends on
//! <root>/.work/<stage>-<key>/                          work in progress, kept between attempts
//! <root>/.locks/<stage>-<key>                          held by the process that works (empty, never removed)
//! <root>/.failed/<stage>-<key>.json                    why the last attempt failed
//! <root>/.trash/                                       on its way out
//! <root>/.in-use                                       locked by everyone who works here; `clean` wants it alone
//! ```
//! A kill at any moment leaves a complete artifact or none, and the next run goes on from the last checkpoint;
//! see [`Workspace`] for the order of writes. Nothing read from disk is trusted: names, sizes and hashes are checked
//! whenever a file is read ([`StoredFile`]), and what does not fit counts as missing and is made again.

mod artifact;
mod clean;
mod error;
mod failure;
mod files;
mod intact;
mod journal;
mod manifest;
mod measure;
mod name;
mod stored;
mod usage;
mod workspace;

pub use artifact::{Artifact, Found};
pub use clean::{Attempt, Entry, State};
pub use error::StoreError;
pub use failure::Failure;
pub use files::write_atomic;
pub use manifest::{FileEntry, Made, Manifest, STORE_VERSION};
pub use measure::{available_memory_bytes, now, peak_memory_bytes, reset_peak_memory};
pub use name::{CHECKPOINT, TEMP_PREFIX};
pub use stored::StoredFile;
pub use workspace::{Earlier, Workspace};

/// What names an artifact.
pub use crate::stage::{Key, KeyInputs};

use crate::stage::Stage;
use artifact::Depth;
use error::At;
use intact::Intact;
use std::{
    fs::{self, TryLockError},
    path::{Path, PathBuf},
};

/// The folder all artifacts live in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// Files found intact in this process.
    intact: Intact,
    /// Held as long as somebody may work here.
    _in_use: Option<std::sync::Arc<fs::File>>,
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
        let mut store = Self::reader(root);
        for folder in [".work", ".locks"] {
            let folder = root.join(folder);
            if folder.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) && !folder.is_dir() {
                files::remove(&folder)?;
            }
            files::make_folder(&folder)?;
        }
        let probe = root.join(format!(".tmp-probe-{}", std::process::id()));
        write_atomic(&probe, b"")?;
        files::remove(&probe)?;
        store._in_use = Some(std::sync::Arc::new(usage::share(&store.root)?));
        Ok(store)
    }

    /// A store to look into only; nothing is written, a folder that is not there is an empty store.
    #[must_use]
    pub fn reader(root: &Path) -> Self {
        // Absolute, so that a later change of the current folder does no harm.
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf());
        Self { root, intact: Intact::default(), _in_use: None }
    }

    /// The store's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What lies at an artifact's place: nothing, something damaged (with the reason), or the artifact.
    pub fn look(&self, stage: Stage, key: &Key) -> Result<Found, StoreError> {
        Artifact::look(&self.artifact_dir(stage, key), stage, key, Depth::Touched(&self.intact))
    }

    /// The same after reading every byte: finds what a failing disk did without leaving a trace.
    pub fn look_closely(&self, stage: Stage, key: &Key) -> Result<Found, StoreError> {
        Artifact::look(&self.artifact_dir(stage, key), stage, key, Depth::Everything)
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
        let Some(lock) = self.lock(stage, &key)? else { return Ok(Claim::Busy) };
        // Another process may have committed between the first look and the lock.
        if let Some(artifact) = self.find(stage, &key)? {
            return Ok(Claim::Done(artifact));
        }
        Ok(match Workspace::open(self, stage, inputs, lock)? {
            Ok(workspace) => Claim::Work(workspace),
            Err(artifact) => Claim::Done(artifact),
        })
    }

    /// The right to change what belongs to a key, as long as the file is open; `None` if another process has it.
    fn lock(&self, stage: Stage, key: &Key) -> Result<Option<fs::File>, StoreError> {
        let folder = self.root.join(".locks");
        let path = folder.join(format!("{stage}-{key}"));
        files::make_folder(&folder)?;
        if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
            files::remove(&path)?;
        }
        let lock = fs::File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e).at("lock", &path),
        }
    }

    /// Removes an artifact that turned out to be damaged, so that it is made again. Nothing happens if it is intact by
    /// now, or if another process is making it.
    ///
    /// # Errors
    /// A folder that cannot be read or moved. Says whether something was removed.
    pub fn drop_damaged(&self, stage: Stage, key: &Key) -> Result<bool, StoreError> {
        let Some(_lock) = self.lock(stage, key)? else { return Ok(false) };
        match self.look_closely(stage, key)? {
            Found::Damaged(_) => files::remove(&self.move_away(stage, key)?).map(|()| true),
            Found::Missing => Ok(true),
            Found::Done(_) => Ok(false),
        }
    }

    /// Renames whatever lies at an artifact's place, so that no half of it is ever there; says where it is now.
    fn move_away(&self, stage: Stage, key: &Key) -> Result<PathBuf, StoreError> {
        let (place, trash) = (self.artifact_dir(stage, key), self.trash_dir(stage, key));
        files::remove(&trash)?;
        if place.symlink_metadata().is_ok() {
            files::make_folder(trash.parent().unwrap_or(&trash))?;
            fs::rename(&place, &trash).at("move away", &place)?;
        }
        Ok(trash)
    }

    /// How the artifacts of a stage were made, sorted by key, whether or not their files are intact; unreadable
    /// manifests are passed over.
    #[must_use]
    pub fn manifests(&self, stage: Stage) -> Vec<Manifest> {
        self.keys(stage).iter().filter_map(|key| self.manifest(stage, key)).collect()
    }

    fn manifest(&self, stage: Stage, key: &Key) -> Option<Manifest> {
        match Artifact::read_manifest(&self.artifact_dir(stage, key), stage, key) {
            Ok(Found::Done(artifact)) => Some(artifact.manifest),
            _ => None,
        }
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
