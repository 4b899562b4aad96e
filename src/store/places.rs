//! Where everything of a store lies on disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::error::{At, StoreError};
use super::files::{make_folder, remove};
use super::stored::is_absent;
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

    /// Where a piece of work lies that was begun and that nobody works on.
    pub(super) fn work(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(".work").join(format!("{stage}-{key}"))
    }

    /// Where a piece of work lies while the holder of a right works on it. Nobody else writes there.
    pub(super) fn work_of(&self, stage: Stage, key: &Key, token: &str) -> PathBuf {
        self.root.join(".work").join(format!("{stage}-{key}.{token}"))
    }

    /// Every folder of a piece of work, sorted: more than one if a holder wrote on after it had lost its right.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(super) fn works(&self, stage: Stage, key: &Key) -> Result<Vec<PathBuf>, StoreError> {
        let (folder, own) = (self.root.join(".work"), format!("{stage}-{key}"));
        let entries = match fs::read_dir(&folder) {
            Err(e) if is_absent(&e) => return Ok(Vec::new()),
            entries => entries.at("read", &folder)?,
        };
        let is_own = |name: &str| name.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let entries = entries.filter_map(Result::ok);
        let own = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_own));
        let mut paths: Vec<PathBuf> = own.map(|entry| entry.path()).collect();
        paths.sort();
        Ok(paths)
    }

    /// Where an artifact is moved before it is removed.
    fn trash(&self, stage: Stage, key: &Key, token: &str) -> PathBuf {
        self.root.join(".trash").join(format!("{stage}-{key}.{token}"))
    }

    /// Where the reason of a failure is kept.
    pub(super) fn failure(&self, stage: Stage, key: &Key) -> PathBuf {
        self.root.join(".failed").join(format!("{stage}-{key}.json"))
    }

    /// The folder of the right to work on a key.
    pub(super) fn lock(&self, stage: Stage, key: &Key) -> PathBuf {
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

    /// Renames whatever lies at an artifact's place, so that no half of it is ever there. Returns where it lies now,
    /// under the name of the one who moves it.
    ///
    /// # Errors
    /// A folder that cannot be moved.
    pub(super) fn move_away(&self, stage: Stage, key: &Key, token: &str) -> Result<PathBuf, StoreError> {
        let (place, trash) = (self.artifact(stage, key), self.trash(stage, key, token));
        remove(&trash)?;
        if place.symlink_metadata().is_ok() {
            make_folder(trash.parent().unwrap_or(&trash))?;
            fs::rename(&place, &trash).at("move away", &place)?;
        }
        Ok(trash)
    }
}
