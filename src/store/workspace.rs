//! A piece of work in progress, and how it becomes an artifact.
//!
//! The folder `.work/<stage>-<key>/` outlives the process, so that a stopped attempt goes on from its `checkpoint/`.
//! While somebody works it has another name, `.work/<stage>-<key>.<token>/`, that only the holder of the right to do
//! the work knows: the next holder renames it to its own, so that whatever an earlier one still writes, e.g. after it
//! was suspended for hours, does not reach it, and what that one commits is not there any more. Every write is noted in
//! a journal with its hash; the next attempt takes over only what is as it was written. A commit is: every file
//! compared with what was written, and synced → `manifest.json` → `DONE` (from here the work counts as done, whatever
//! happens) → `checkpoint/` removed → folder renamed to its place, where the first one stays: two that were made have
//! the same bytes. A kill before `DONE` leaves a workspace that is worked on again; a kill after it leaves one that the
//! next claim only has to rename.

use super::{
    artifact::{Artifact, Depth, Found, done_text},
    earlier::{self, ATTEMPT, Earlier, OWN, SECONDS, relative},
    error::{At, StoreError},
    files::{make_folder, read_small, remove, sync_folder, walk, write_atomic},
    intact::Intact,
    journal::{self, JOURNAL},
    lease::Lease,
    manifest::{FileEntry, Made, Manifest, STORE_VERSION},
    measure,
    name::{self, CHECKPOINT, DONE, MANIFEST},
    places::Places,
    stored::StoredFile,
};
use crate::stage::{Key, KeyInputs, Stage};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The folder of one piece of work. At most one process has the right to it.
#[derive(Debug)]
pub struct Workspace {
    places: Places,
    intact: Intact,
    stage: Stage,
    key: Key,
    inputs: KeyInputs,
    dir: PathBuf,
    /// Every file of this and earlier attempts, as it was written.
    files: Mutex<BTreeMap<String, FileEntry>>,
    earlier: Earlier,
    /// Given back when it is dropped.
    lease: Lease,
}

impl Workspace {
    /// Takes over the folder with the right to work in it. The inner `Err` is the artifact, if the work was complete
    /// already.
    pub(super) fn open(
        places: &Places,
        intact: &Intact,
        stage: Stage,
        inputs: &KeyInputs,
        lease: Lease,
    ) -> Result<Result<Self, Artifact>, StoreError> {
        let key = inputs.key(stage);
        let dir = places.work_of(stage, &key, lease.token());
        let mut work = Self {
            places: places.clone(),
            intact: intact.clone(),
            stage,
            key,
            inputs: inputs.clone(),
            dir,
            files: Mutex::default(),
            earlier: Earlier::default(),
            lease,
        };
        earlier::rename_to_own(&work.places.works(stage, &work.key)?, work.before().as_deref(), &work.dir)?;
        match Artifact::look(&work.dir, stage, &work.key, Depth::Everything)? {
            Found::Done(_) => return work.finish().map(Err),
            // DONE without fitting files: the disk lost something, nothing in the folder can be trusted.
            Found::Damaged(_) if work.dir.join(DONE).symlink_metadata().is_ok() => remove(&work.dir)?,
            _ => remove(&work.dir.join(MANIFEST))?,
        }
        if !work.dir.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            remove(&work.dir)?;
        }
        make_folder(&work.dir)?;
        let (files, earlier) = earlier::take_over(&work.dir)?;
        *work.files() = files;
        work.earlier = earlier;
        write_atomic(&work.dir.join(ATTEMPT), b"")?;
        Ok(Ok(work))
    }

    /// Where the last holder of the right worked.
    fn before(&self) -> Option<PathBuf> {
        self.lease.before().map(|token| self.places.work_of(self.stage, &self.key, token))
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, FileEntry>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an earlier attempt left.
    #[must_use]
    pub fn earlier(&self) -> &Earlier {
        &self.earlier
    }

    /// Writes a file durably and as a whole: a kill leaves the old or the new content. Files under `checkpoint/` are
    /// dropped at commit, all others become part of the artifact.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = name::join(&self.dir, name)?;
        self.lease.check_quickly()?;
        let entry = FileEntry::of(bytes);
        make_folder(&self.dir)?;
        journal::note(&self.dir, name, &entry)?;
        write_atomic(&path, bytes)?;
        self.files().insert(name.to_owned(), entry);
        Ok(())
    }

    /// Whether another process has taken the work over: then nothing here can be trusted, and no error of it counts.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self.lease.check(), Err(StoreError::Lost { .. }))
    }

    /// Where the work lies now.
    #[cfg(test)]
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether this or an earlier attempt wrote the file.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files().contains_key(name)
    }

    /// Content of a file of this or an earlier attempt, `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not as it was written.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = name::join(&self.dir, name)?;
        let entry = self.files().get(name).cloned();
        entry.map(|entry| StoredFile { path, entry }.read()).transpose()
    }

    /// Ends an attempt without a commit. Remembers its time, so that the manifest can tell the sum, and that it was not
    /// cut short.
    pub fn end_attempt(&self, seconds: f64) -> Result<(), StoreError> {
        write_atomic(&self.dir.join(SECONDS), (self.earlier_seconds()? + seconds).to_string().as_bytes())?;
        remove(&self.dir.join(ATTEMPT))
    }

    fn earlier_seconds(&self) -> Result<f64, StoreError> {
        let text = read_small(&self.dir.join(SECONDS))?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| text.parse().ok()).filter(|s: &f64| s.is_finite() && *s >= 0.0).unwrap_or(0.0))
    }

    /// Makes everything but `checkpoint/` an artifact.
    /// After an error (e.g. a full disk) the work is still there for the next attempt.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a file is not as it was written, e.g. because somebody cleaned up. Then nothing of
    /// the work is kept: nobody knows what else is missing. [`StoreError::Lost`] if another process took the work over.
    pub fn commit(self, made: &Made) -> Result<Artifact, StoreError> {
        self.lease.check()?;
        let manifest = Manifest {
            store_version: STORE_VERSION,
            stage: self.stage,
            key: self.key.clone(),
            inputs: self.inputs.clone(),
            created: measure::now(),
            seconds: self.earlier_seconds()? + made.seconds,
            runner_version: env!("CARGO_PKG_VERSION").to_owned(),
            device: made.device.clone(),
            threads: made.threads,
            peak_memory_bytes: measure::peak_memory_bytes(),
            files: match self.checked_files() {
                Err(error) if error.is_damage() => return remove(&self.dir).and(Err(error)),
                checked => checked?,
            },
        };
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| StoreError::Damaged { path: self.dir.clone(), what: format!("manifest: {e}") })?;
        write_atomic(&self.dir.join(MANIFEST), &text)?;
        write_atomic(&self.dir.join(DONE), done_text(&text).as_bytes())?;
        self.finish()
    }

    /// The files that belong to the artifact, after a check that each is there and unchanged. Removes everything else
    /// that lies in the folder. Syncs every folder to the disk; files were synced when they were written.
    fn checked_files(&self) -> Result<BTreeMap<String, FileEntry>, StoreError> {
        let mut files = self.files().clone();
        files.retain(|name, _| name::is_committed(name));
        for (name, entry) in &files {
            let file = StoredFile { path: name::join(&self.dir, name)?, entry: entry.clone() };
            if !file.is_intact()? {
                let what = "it vanished or was changed while the work went on".to_owned();
                return Err(StoreError::Damaged { path: file.path, what });
            }
        }
        for entry in walk(&self.dir).collect::<Result<Vec<_>, _>>().at("read", &self.dir)? {
            let name = relative(&self.dir, entry.path()).unwrap_or_default();
            let own = OWN.contains(&name.as_str()) || name.split('/').next() == Some(CHECKPOINT);
            match entry.file_type().is_dir() {
                true => sync_folder(entry.path())?,
                false if own || files.contains_key(&name) => {}
                false => remove(entry.path())?,
            }
        }
        Ok(files)
    }

    /// Renames the folder to its place. Returns the artifact of somebody who was quicker: the first one stays. What is
    /// damaged there goes away.
    fn move_into_place(&self, place: &Path) -> Result<Option<Artifact>, StoreError> {
        let mut trash = None;
        loop {
            let error = match fs::rename(&self.dir, place) {
                Ok(()) => return trash.map_or(Ok(()), |trash: PathBuf| remove(&trash)).map(|()| None),
                Err(error) => error,
            };
            if self.dir.symlink_metadata().is_err() {
                self.lease.check()?;
                return Err(error).at("move into place", &self.dir);
            }
            match Artifact::look(place, self.stage, &self.key, Depth::Touched(&self.intact))? {
                Found::Done(first) => return remove(&self.dir).map(|()| Some(*first)),
                Found::Damaged(_) if trash.is_none() => {
                    trash = Some(self.places.move_away(self.stage, &self.key, self.lease.token())?);
                }
                _ => return Err(error).at("move into place", &self.dir),
            }
        }
    }

    /// Removes the checkpoint of a complete workspace and renames the folder to its place. Can be repeated after a
    /// kill.
    fn finish(self) -> Result<Artifact, StoreError> {
        for name in [CHECKPOINT, SECONDS, ATTEMPT, JOURNAL] {
            remove(&self.dir.join(name))?;
        }
        let place = self.places.artifact(self.stage, &self.key);
        let folder = place.parent().unwrap_or(&place);
        make_folder(folder)?;
        if let Some(first) = self.move_into_place(&place)? {
            return Ok(first);
        }
        sync_folder(folder)?;
        remove(&self.places.failure(self.stage, &self.key))?;
        match Artifact::look(&place, self.stage, &self.key, Depth::Touched(&self.intact))? {
            Found::Done(artifact) => Ok(*artifact),
            Found::Missing => Err(StoreError::Damaged { path: place, what: "it vanished while it was stored".into() }),
            Found::Damaged(what) => Err(StoreError::Damaged { path: place, what }),
        }
    }
}

impl Drop for Workspace {
    /// Gives the folder the name under which anybody looks for it.
    fn drop(&mut self) {
        if self.lease.check().is_ok() && self.dir.symlink_metadata().is_ok() {
            let work = self.places.work(self.stage, &self.key);
            // If this fails, the next holder finds it under the name of this one.
            let _ = fs::rename(&self.dir, work);
        }
    }
}
