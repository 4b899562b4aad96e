//! A piece of work in progress, and how it becomes an artifact.
//!
//! The folder `.work/<stage>-<key>/` outlives the process, so that a stopped attempt goes on from its
//! `checkpoint/`. A commit is: every file synced → `manifest.json` → `DONE` (from here the work counts as done,
//! whatever happens) → `checkpoint/` removed → folder renamed to its place. A kill before `DONE` leaves a
//! workspace that is worked on again; a kill after it leaves one that the next claim only has to rename.

use super::{
    Artifact, Found, Key, KeyInputs, Made, Manifest, STORE_VERSION, Store, StoreError,
    artifact::done_text,
    error::At,
    files::{make_folder, read_small, remove, sync_folder, write_atomic},
    manifest::FileEntry,
    measure,
    name::{self, CHECKPOINT, DONE, MANIFEST, TEMP_PREFIX},
};
use crate::stage::Stage;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

/// Seconds spent by stopped attempts.
const SECONDS: &str = ".seconds";

/// The folder of one piece of work. Whoever holds it is the only one in any process.
#[derive(Debug)]
pub struct Workspace {
    store: Store,
    stage: Stage,
    key: Key,
    inputs: KeyInputs,
    dir: PathBuf,
    /// Locked until it is closed, by drop or by the end of the process.
    _lock: File,
}

impl Workspace {
    /// Takes over the folder after the lock is held. `Err` side of the inner result: it was complete already.
    pub(super) fn open(
        store: &Store,
        stage: Stage,
        inputs: &KeyInputs,
        lock: File,
    ) -> Result<Result<Self, Artifact>, StoreError> {
        let key = inputs.key(stage);
        let dir = store.work_dir(stage, &key);
        let work = Self { store: store.clone(), stage, key, inputs: inputs.clone(), dir, _lock: lock };
        match Artifact::look(&work.dir, stage, &work.key)? {
            Found::Done(_) => return work.finish().map(Err),
            // DONE without fitting files: the disk lost something, nothing in the folder can be trusted.
            Found::Damaged(_) if work.dir.join(DONE).exists() => work.clear()?,
            _ => remove(&work.dir.join(MANIFEST))?,
        }
        make_folder(&work.dir)?;
        for entry in walk(&work.dir) {
            let path = entry.at("read", &work.dir)?.into_path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMP_PREFIX)) {
                remove(&path)?;
            }
        }
        Ok(Ok(work))
    }

    /// The folder. Files under `checkpoint/` are dropped at commit, all others become part of the artifact.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Path of a file to write oneself, e.g. to append to; the name is checked and its folder is made.
    pub fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = name::join(&self.dir, name)?;
        make_folder(path.parent().unwrap_or(&self.dir))?;
        Ok(path)
    }

    /// Writes a file durably and as a whole: a kill leaves the old or the new content.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        write_atomic(&name::join(&self.dir, name)?, bytes)
    }

    /// Content of a file of this or an earlier attempt, `None` if there is none.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = name::join(&self.dir, name)?;
        match std::fs::read(&path) {
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
            other => other.map(Some).at("read", &path),
        }
    }

    /// Removes a file or folder of the workspace; nothing there is fine.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        remove(&name::join(&self.dir, name)?)
    }

    /// Removes everything an earlier attempt left.
    pub fn clear(&self) -> Result<(), StoreError> {
        remove(&self.dir)?;
        make_folder(&self.dir)
    }

    /// Remembers the time of an attempt that ends without a commit, so that the manifest tells the sum.
    pub fn add_seconds(&self, seconds: f64) -> Result<(), StoreError> {
        write_atomic(&self.dir.join(SECONDS), (self.earlier_seconds()? + seconds).to_string().as_bytes())
    }

    fn earlier_seconds(&self) -> Result<f64, StoreError> {
        let text = read_small(&self.dir.join(SECONDS))?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| text.parse().ok()).filter(|s: &f64| s.is_finite() && *s >= 0.0).unwrap_or(0.0))
    }

    /// Makes everything but `checkpoint/` an artifact. `info` is free text for readers of the manifest.
    /// After an error (e.g. a full disk) the work is still there for the next attempt.
    pub fn commit(self, info: Value, made: &Made) -> Result<Artifact, StoreError> {
        let manifest = Manifest {
            store_version: STORE_VERSION,
            stage: self.stage,
            key: self.key.clone(),
            inputs: self.inputs.clone(),
            info,
            created: measure::now(),
            seconds: self.earlier_seconds()? + made.seconds,
            runner_version: env!("CARGO_PKG_VERSION").to_owned(),
            device: made.device.clone(),
            threads: made.threads,
            peak_memory_bytes: measure::peak_memory_bytes(),
            files: self.sync_files()?,
        };
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| StoreError::Damaged { path: self.dir.clone(), what: format!("manifest: {e}") })?;
        write_atomic(&self.dir.join(MANIFEST), &text)?;
        write_atomic(&self.dir.join(DONE), done_text(&text).as_bytes())?;
        self.finish()
    }

    /// Brings every file and folder to the disk; returns the files with size and hash.
    fn sync_files(&self) -> Result<BTreeMap<String, FileEntry>, StoreError> {
        let mut found = BTreeMap::new();
        for entry in walk(&self.dir) {
            let entry = entry.at("read", &self.dir)?;
            let (path, kind) = (entry.path(), entry.file_type());
            let name = relative(&self.dir, path)?;
            if name == MANIFEST || name == SECONDS || name == CHECKPOINT || name.starts_with("checkpoint/") {
                continue;
            }
            if kind.is_dir() {
                sync_folder(path)?;
                continue;
            }
            if !kind.is_file() || !name::is_committed(&name) {
                return Err(StoreError::Name { name });
            }
            let file = File::open(path).at("read", path)?;
            let mut hash = blake3::Hasher::new();
            hash.update_reader(&file).at("read", path)?;
            file.sync_all().at("write", path)?;
            found.insert(name, FileEntry { bytes: hash.count(), blake3: hash.finalize().to_hex().to_string() });
        }
        Ok(found)
    }

    /// The workspace is complete: drop its checkpoint and rename it to its place. May be repeated after a kill.
    fn finish(self) -> Result<Artifact, StoreError> {
        remove(&self.dir.join(CHECKPOINT))?;
        remove(&self.dir.join(SECONDS))?;
        let place = self.store.artifact_dir(self.stage, &self.key);
        let folder = place.parent().unwrap_or(&place);
        make_folder(folder)?;
        let trash = self.store.trash_dir(self.stage, &self.key);
        remove(&trash)?;
        if place.exists() {
            // Only a damaged artifact can lie here: a good one is found before work begins.
            make_folder(trash.parent().unwrap_or(&trash))?;
            std::fs::rename(&place, &trash).at("move away", &place)?;
        }
        std::fs::rename(&self.dir, &place).at("move into place", &self.dir)?;
        sync_folder(folder)?;
        remove(&trash)?;
        self.store.clear_failure(self.stage, &self.key)?;
        match Artifact::look(&place, self.stage, &self.key)? {
            Found::Done(artifact) => Ok(*artifact),
            Found::Missing => Err(StoreError::Damaged { path: place, what: "it vanished while it was stored".into() }),
            Found::Damaged(what) => Err(StoreError::Damaged { path: place, what }),
        }
    }
}

/// Everything under a folder, folders before their content, sorted; symbolic links are not followed.
fn walk(dir: &Path) -> impl Iterator<Item = std::io::Result<walkdir::DirEntry>> {
    let entries = walkdir::WalkDir::new(dir).min_depth(1).sort_by_file_name();
    entries.into_iter().map(|entry| entry.map_err(std::io::Error::from))
}

/// `path` below `dir` with forward slashes.
fn relative(dir: &Path, path: &Path) -> Result<String, StoreError> {
    let inner = path.strip_prefix(dir).unwrap_or(path);
    let parts: Option<Vec<&str>> = inner.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/")).ok_or_else(|| StoreError::Name { name: inner.display().to_string() })
}

/// Size of everything under a folder in bytes.
pub(super) fn folder_bytes(dir: &Path) -> u64 {
    let sizes =
        walk(dir).filter_map(Result::ok).filter_map(|entry| entry.metadata().ok()).filter(|meta| meta.is_file());
    sizes.map(|meta| meta.len()).sum()
}
