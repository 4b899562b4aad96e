//! Lists what is in the store, and removes it.

use super::{
    artifact::Found,
    error::StoreError,
    files::{folder_bytes, remove},
    lease::{Holder, Record, newest},
    lookup::Store,
};
use crate::{
    files::TEMP_PREFIX,
    stage::{Key, Stage},
};
use serde::Serialize;
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

/// Somebody who works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Working {
    /// Who.
    #[serde(flatten)]
    pub holder: Holder,
    /// When its heartbeat was last written, UTC, RFC 3339, by its own clock.
    pub alive: String,
    /// Whether it is a process of this machine, so that its clock is ours.
    pub here: bool,
}

impl Store {
    /// Whether a piece of work was begun, or is being worked on.
    #[must_use]
    pub fn attempt(&self, stage: Stage, key: &Key) -> Attempt {
        if self.holder(stage, key).is_some() {
            return Attempt::Working;
        }
        let begun = |works: Vec<PathBuf>| works.iter().any(|path| path.is_dir());
        if self.places.works(stage, key).is_ok_and(begun) { Attempt::Begun } else { Attempt::None }
    }

    /// Who works on a piece of work, and when something was last heard of it. What cannot be read is nobody's.
    #[must_use]
    pub fn holder(&self, stage: Stage, key: &Key) -> Option<Working> {
        let (path, _, text) = newest(&self.places.lock(stage, key)).ok()??;
        let record = Record::parse(&text).filter(|_| !self.watch.is_over(&path, &text))?;
        let here = record.holder.process.lives().is_some();
        Some(Working { holder: record.holder, alive: record.alive, here })
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
        let Some(lease) = self.lock(entry.stage, &entry.key)? else { return Ok(false) };
        match entry.state {
            State::Done | State::Damaged(_) => {
                remove(&self.places.move_away(entry.stage, &entry.key, lease.token())?)?;
            }
            State::Unfinished | State::Failed => remove(&entry.path)?,
        }
        Ok(true)
    }

    /// Removes what killed processes left: half-written files, and artifacts that were being removed.
    pub fn sweep(&self) -> Result<(), StoreError> {
        remove(&self.root().join(".trash"))?;
        let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let rights = entries(self.root().join(".locks")).map(|right| right.path());
        for folder in [self.root().to_path_buf(), self.root().join(".failed")].into_iter().chain(rights) {
            for entry in entries(folder) {
                if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
                    remove(&entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// `<folder>/<stage>-<key>[.json]` and `<stage>-<key>.<token>` entries with a known stage and a good key.
    fn stage_key_entries(&self, folder: &str) -> Vec<(Stage, Key, PathBuf)> {
        let entries = fs::read_dir(self.root().join(folder)).into_iter().flatten().filter_map(Result::ok);
        let parse = |entry: fs::DirEntry| {
            let name = entry.file_name();
            let (stage, key) = name.to_str()?.split('.').next()?.split_once('-')?;
            let stage = Stage::of_name(stage)?;
            Some((stage, Key::parse(key)?, entry.path()))
        };
        entries.filter_map(parse).collect()
    }
}
