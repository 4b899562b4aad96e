//! The store: lookup, and the right to do a piece of work.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::artifact::{Artifact, Depth, Found};
use super::error::{At, StoreError};
use super::failure::{self, Failure};
use super::files::{make_folder, remove, write_atomic};
use super::intact::Intact;
use super::lease::{Lease, Watch};
use super::manifest::Manifest;
use super::places::Places;
use super::usage;
use super::workspace::Workspace;
use crate::files::{TEMP_PREFIX, unique};
use crate::stage::{Key, KeyInputs, Stage};

/// The folder all artifacts live in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) places: Places,
    /// Files found intact in this process.
    intact: Intact,
    /// The heartbeats of others.
    pub(super) watch: Watch,
    /// What this process computes on, for others.
    device: String,
    /// Held as long as somebody may work here.
    in_use: Option<Arc<Lease>>,
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

/// The right to write a report, as long as it lives.
#[derive(Debug)]
pub struct ReportTurn {
    _lease: Lease,
}

/// How often the writer of a report is asked for.
const TURN: Duration = Duration::from_millis(50);

impl Store {
    /// Opens a store and makes its folder if needed.
    ///
    /// # Errors
    /// A folder that cannot be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let mut store = Self::reader(root);
        for folder in [".work", ".locks"] {
            let folder = root.join(folder);
            if folder.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) && !folder.is_dir() {
                remove(&folder)?;
            }
            make_folder(&folder)?;
        }
        let probe = root.join(format!("{TEMP_PREFIX}probe-{}", unique::token().at("write", root)?));
        write_atomic(&probe, b"")?;
        remove(&probe)?;
        store.in_use = Some(Arc::new(usage::share(store.root(), &store.watch)?));
        Ok(store)
    }

    /// The store for a worker that computes on this device: others are told.
    #[must_use]
    pub fn of_worker(self, device: String) -> Self {
        Self { device, ..self }
    }

    /// A store to look into only: nothing is written, and a folder that is not there is an empty store.
    #[must_use]
    pub fn reader(root: &Path) -> Self {
        let (intact, watch, device) = (Intact::default(), Watch::default(), String::new());
        Self { places: Places::new(root), intact, watch, device, in_use: None }
    }

    /// The store for one who removes things; `None` while another process works in it. As long as the result lives,
    /// nobody else begins to.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn alone(root: &Path) -> Result<Option<Self>, StoreError> {
        let mut store = Self::reader(root);
        if !store.root().is_dir() {
            return Ok(Some(store));
        }
        let Some(lease) = usage::alone(store.root(), &store.watch)? else { return Ok(None) };
        store.in_use = Some(Arc::new(lease));
        Ok(Some(store))
    }

    /// The store's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.places.root()
    }

    /// What lies at an artifact's place: nothing, something damaged (with the reason), or the artifact.
    ///
    /// # Errors
    /// A file or folder that cannot be read.
    pub fn look(&self, stage: Stage, key: &Key) -> Result<Found, StoreError> {
        Artifact::look(&self.artifact_dir(stage, key), stage, key, Depth::Touched(&self.intact))
    }

    /// Like [`Self::look`], but reads every byte: finds what a failing disk did without leaving a trace.
    ///
    /// # Errors
    /// A file or folder that cannot be read.
    pub fn look_closely(&self, stage: Stage, key: &Key) -> Result<Found, StoreError> {
        Artifact::look(&self.artifact_dir(stage, key), stage, key, Depth::Everything)
    }

    /// The artifact if it is complete; a damaged one counts as missing.
    ///
    /// # Errors
    /// A file or folder that cannot be read.
    pub fn find(&self, stage: Stage, key: &Key) -> Result<Option<Artifact>, StoreError> {
        Ok(match self.look(stage, key)? {
            Found::Done(artifact) => Some(*artifact),
            Found::Missing | Found::Damaged(_) => None,
        })
    }

    /// Asks for the right to do a piece of work.
    ///
    /// # Errors
    /// A file or folder that cannot be read or made.
    pub fn claim(&self, stage: Stage, inputs: &KeyInputs) -> Result<Claim, StoreError> {
        let key = inputs.key(stage);
        if let Some(artifact) = self.find(stage, &key)? {
            return Ok(Claim::Done(artifact));
        }
        let Some(lease) = self.lock(stage, &key)? else { return Ok(Claim::Busy) };
        // Another process may have committed between the first look and the lease.
        if let Some(artifact) = self.find(stage, &key)? {
            return Ok(Claim::Done(artifact));
        }
        Ok(match Workspace::open(&self.places, &self.intact, stage, inputs, lease)? {
            Ok(workspace) => Claim::Work(workspace),
            Err(artifact) => Claim::Done(artifact),
        })
    }

    /// The right to change what belongs to a key; `None` while another process has it.
    ///
    /// # Errors
    /// A file or folder that cannot be read or made.
    pub(super) fn lock(&self, stage: Stage, key: &Key) -> Result<Option<Lease>, StoreError> {
        Lease::take(&self.places.lock(stage, key), &self.device, &self.watch)
    }

    /// The right to write the report of this name; waits for another process that writes it. `None` where the store is
    /// not there or cannot be written to: there is no second writer either.
    #[must_use]
    pub fn for_report(&self, name: &str) -> Option<ReportTurn> {
        let folder = self.root().join(".locks").join(format!("report-{name}"));
        while self.root().is_dir() {
            match Lease::take(&folder, &self.device, &self.watch) {
                Ok(Some(lease)) => return Some(ReportTurn { _lease: lease }),
                Ok(None) => std::thread::sleep(TURN),
                Err(_) => return None,
            }
        }
        None
    }

    /// Removes an artifact that turned out to be damaged, so that it is made again. Does nothing if it is intact by
    /// now, or if another process is making it. Returns whether the artifact is gone.
    ///
    /// # Errors
    /// A folder that cannot be read or moved.
    pub fn drop_damaged(&self, stage: Stage, key: &Key) -> Result<bool, StoreError> {
        let Some(lease) = self.lock(stage, key)? else { return Ok(false) };
        match self.look_closely(stage, key)? {
            Found::Damaged(_) => remove(&self.places.move_away(stage, key, lease.token())?).map(|()| true),
            Found::Missing => Ok(true),
            Found::Done(_) => Ok(false),
        }
    }

    /// How the artifacts of a stage were made, sorted by key, whether or not their files are intact; unreadable
    /// manifests are passed over.
    #[must_use]
    pub fn manifests(&self, stage: Stage) -> Vec<Manifest> {
        self.places.keys(stage).iter().filter_map(|key| self.manifest(stage, key)).collect()
    }

    /// How a stored artifact was made, whether or not its files are intact.
    #[must_use]
    pub fn manifest(&self, stage: Stage, key: &Key) -> Option<Manifest> {
        match Artifact::read_manifest(&self.artifact_dir(stage, key), stage, key) {
            Ok(Found::Done(artifact)) => Some(artifact.manifest),
            _ => None,
        }
    }

    /// Where an artifact is or will be.
    #[must_use]
    pub fn artifact_dir(&self, stage: Stage, key: &Key) -> PathBuf {
        self.places.artifact(stage, key)
    }

    /// Remembers why a piece of work failed; a later commit forgets it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn record_failure(&self, stage: Stage, key: &Key, reason: &str) -> Result<(), StoreError> {
        failure::write(&self.places.failure(stage, key), reason)
    }

    /// Why the last attempt failed, if it did. A damaged record still says that it failed.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn failure(&self, stage: Stage, key: &Key) -> Result<Option<Failure>, StoreError> {
        failure::read(&self.places.failure(stage, key))
    }
}
