//! Lists what is in the store, and removes it.

use super::{
    artifact::Found,
    error::StoreError,
    files::{folder_bytes, remove},
    lookup::Store,
};
use crate::{
    files::TEMP_PREFIX,
    stage::{Key, Stage},
};
use std::{fs, path::PathBuf};

/// One folder or record in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which piece of work.
    pub stage: Stage,
    /// Its key.
    pub key: Key,
    /// What state it is in.
    pub state: State,
    /// Size of its files in bytes.
    pub bytes: u64,
    /// Where it lies.
    pub path: PathBuf,
}

/// The state of an [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A complete artifact.
    Done,
    /// An artifact that cannot be used, and why.
    Damaged(String),
    /// Work that was begun. It may have checkpoints to go on from.
    Unfinished,
    /// Only the record of a failure.
    Failed,
}

/// How far a piece of work is that is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Nothing was begun.
    None,
    /// It was begun and can go on.
    Begun,
    /// A process works on it now.
    Working,
}

impl Store {
    /// Whether a piece of work was begun, or is being worked on.
    #[must_use]
    pub fn attempt(&self, stage: Stage, key: &Key) -> Attempt {
        let lock = fs::File::open(self.places.lock_file(stage, key));
        // Held for a moment only; a claim that comes right now is told "busy" and asks again.
        if lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock))) {
            return Attempt::Working;
        }
        if self.places.work(stage, key).is_dir() { Attempt::Begun } else { Attempt::None }
    }

    /// Everything in the store, sorted by stage, key and place. With `closely` every byte of every artifact is read.
    #[must_use]
    pub fn list(&self, closely: bool) -> Vec<Entry> {
        let mut entries = Vec::new();
        for stage in Stage::ALL {
            for key in self.places.keys(stage) {
                let path = self.artifact_dir(stage, &key);
                let found = if closely { self.look_closely(stage, &key) } else { self.look(stage, &key) };
                let (state, bytes) = match found {
                    Ok(Found::Done(artifact)) => (State::Done, artifact.manifest.bytes()),
                    Ok(Found::Damaged(what)) => (State::Damaged(what), folder_bytes(&path)),
                    Ok(Found::Missing) => continue,
                    // One odd entry must not hide the others.
                    Err(error) => (State::Damaged(error.to_string()), folder_bytes(&path)),
                };
                entries.push(Entry { stage, key, state, bytes, path });
            }
        }
        for (folder, state) in [(".work", State::Unfinished), (".failed", State::Failed)] {
            for (stage, key, path) in self.stage_key_entries(folder) {
                let bytes = folder_bytes(&path);
                entries.push(Entry { stage, key, state: state.clone(), bytes, path });
            }
        }
        entries.sort_by(|a, b| (a.stage, &a.key, &a.path).cmp(&(b.stage, &b.key, &b.path)));
        entries
    }

    /// Files and folders that somebody else put beside the artifacts, sorted by stage and place.
    #[must_use]
    pub fn foreign(&self) -> Vec<PathBuf> {
        Stage::ALL.into_iter().flat_map(|stage| self.places.foreign(stage)).collect()
    }

    /// Removes an entry. Returns `false` and removes nothing if a process works on it right now.
    pub fn discard(&self, entry: &Entry) -> Result<bool, StoreError> {
        let Some(_lock) = self.places.lock(entry.stage, &entry.key)? else { return Ok(false) };
        match entry.state {
            State::Done | State::Damaged(_) => remove(&self.places.move_away(entry.stage, &entry.key)?)?,
            State::Unfinished | State::Failed => remove(&entry.path)?,
        }
        Ok(true)
    }

    /// Removes what killed processes left: half-written files, and artifacts that were being removed.
    pub fn sweep(&self) -> Result<(), StoreError> {
        remove(&self.root().join(".trash"))?;
        for folder in [self.root().to_path_buf(), self.root().join(".failed")] {
            for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
                if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
                    remove(&entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// `<folder>/<stage>-<key>[.json]` entries with a known stage and a good key.
    fn stage_key_entries(&self, folder: &str) -> Vec<(Stage, Key, PathBuf)> {
        let entries = fs::read_dir(self.root().join(folder)).into_iter().flatten().filter_map(Result::ok);
        let parse = |entry: fs::DirEntry| {
            let name = entry.file_name().to_str()?.trim_end_matches(".json").to_owned();
            let (stage, key) = name.split_once('-')?;
            let stage = Stage::of_name(stage)?;
            Some((stage, Key::parse(key)?, entry.path()))
        };
        entries.filter_map(parse).collect()
    }
}
