//! Remembers the manifests that this process has read: `plan` and `status` compare every open job with all of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::manifest::Manifest;

/// Manifests by the folder of their artifact. Clones share them. A manifest of a complete artifact never changes, but
/// the artifact may be removed: this serves to say how things were made, not whether they are there.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownManifests(Arc<Mutex<BTreeMap<PathBuf, Arc<Manifest>>>>);

impl KnownManifests {
    /// The manifest of the artifact in `folder`, read by `read` unless it is known.
    pub(super) fn get(&self, folder: PathBuf, read: impl FnOnce() -> Option<Manifest>) -> Option<Arc<Manifest>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manifest) = known.get(&folder) {
            return Some(Arc::clone(manifest));
        }
        let manifest = Arc::new(read()?);
        known.insert(folder, Arc::clone(&manifest));
        Some(manifest)
    }
}
