//! Where everything of a store lies on disk.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use super::error::{At, StoreError};
use super::files::{make_folder, remove};
use crate::stage::Key;
use crate::stage::Stage;

/// The folders and files of a store, by stage and key.
#[derive(Clone, Debug)]
pub(super) struct Places {
    root: PathBuf,
}

impl Places {
    /// The places below `root`, made absolute so that a later change of the current folder does no harm.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf()) }
    }

    /// The store's folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where an artifact is or will be.
    pub(super) fn artifact(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(stage.name()).join(key.as_str())
    }

    /// Where a piece of work in progress lies.
    pub(super) fn work(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(".work").join(format!("{stage}-{key}"))
    }

    /// Where an artifact is moved before it is removed.
    pub(super) fn trash(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(".trash").join(format!("{stage}-{key}"))
    }

    /// Where the reason of a failure is kept.
    pub(super) fn failure(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(".failed").join(format!("{stage}-{key}.json"))
    }

    /// The file that is locked by the process that works on a key.
    pub(super) fn lock_file(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(".locks").join(format!("{stage}-{key}"))
    }

    /// The keys that have a folder in a stage, sorted.
    pub(super) fn keys(&self, stage: Stage) -> Vec<Key> {
        let entries = fs::read_dir(self.root.join(stage.name())).into_iter().flatten();
        let mut keys: Vec<_> = entries.filter_map(|e| Key::parse(e.ok()?.file_name().to_str()?)).collect();
        keys.sort();
        keys
    }

    /// What lies in a stage's folder and is no artifact's, sorted.
    pub(super) fn foreign(&self, stage: Stage) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root.join(stage.name())).into_iter().flatten().filter_map(Result::ok);
        let is_key = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| Key::parse(name).is_some());
        let foreign = entries.filter(|entry| !is_key(&entry.file_name()));
        let mut paths: Vec<PathBuf> = foreign.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    /// The right to change what belongs to a key, as long as the file is open; `None` if another process has it.
    ///
    /// # Errors
    /// A lock file that cannot be made or locked.
    pub(super) fn lock(&self, stage: Stage, key: &Key) -> Result<Option<File>, StoreError> {
        let path = self.lock_file(stage, key);
        make_folder(path.parent().unwrap_or(&self.root))?;
        if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
            remove(&path)?;
        }
        let lock = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e).at("lock", &path),
        }
    }

    /// Renames whatever lies at an artifact's place, so that no half of it is ever there. Returns where it lies now.
    ///
    /// # Errors
    /// A folder that cannot be moved.
    pub(super) fn move_away(&self, stage: Stage, key: &Key) -> Result<PathBuf, StoreError> {
        let (place, trash) = (self.artifact(stage, key), self.trash(stage, key));
        remove(&trash)?;
        if place.symlink_metadata().is_ok() {
            make_folder(trash.parent().unwrap_or(&trash))?;
            fs::rename(&place, &trash).at("move away", &place)?;
        }
        Ok(trash)
    }
}
