//! The base models of a study.

use std::collections::BTreeMap;

use super::lookup::{HubAccess, Lookup};
use super::memories::Memories;
use crate::experiment::Experiment;
use crate::experiment::settings::Base;
use crate::hub::HubError;
use crate::worker::BaseModel;

/// A base model of the Hub that is not in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentModel {
    /// Where it comes from.
    pub base: Base,
    /// Whether its hash is known from an earlier run on this store. If not, nothing can be said of stored results.
    pub known: bool,
    /// What the cache lacks and a run would download, in a plain sentence.
    pub message: String,
}

/// The models of a study, and their hashes.
#[derive(Debug, Default)]
pub(super) struct Models {
    pub(super) found: BTreeMap<Base, BaseModel>,
    pub(super) absent: Vec<AbsentModel>,
    pub(super) hashes: BTreeMap<Base, String>,
}

impl Models {
    /// Finds the base model of every cell. Nothing is loaded: headers and configurations are read, and files are hashed
    /// that `memories` does not know.
    ///
    /// # Errors
    /// A model that is not usable, or that cannot be had with this access to the Hub.
    pub(super) fn find(experiment: &Experiment, lookup: &Lookup<'_>, memories: &mut Memories) -> anyhow::Result<Self> {
        let mut models = Self::default();
        for base in experiment.cells().iter().map(|cell| &cell.settings.model.base) {
            if models.hashes.contains_key(base) {
                continue;
            }
            let offline = lookup.hub != HubAccess::Download;
            let found = BaseModel::find(base, offline, &mut memories.hashes, lookup.observer, lookup.stop);
            let absent =
                found.as_ref().err().and_then(missing_files).filter(|_| lookup.hub == HubAccess::CacheOrAbsent);
            let hash = if let Some(missing) = absent {
                let known = memories.model(base);
                models.absent.push(AbsentModel { base: base.clone(), known: known.is_some(), message: missing });
                // No stored result has a key that is made of this.
                known.unwrap_or_else(|| "the base model is not downloaded yet".to_owned())
            } else {
                let model = found?;
                memories.note_model(base, &model.hash);
                let hash = model.hash.clone();
                models.found.insert(base.clone(), model);
                hash
            };
            models.hashes.insert(base.clone(), hash);
        }
        Ok(models)
    }
}

/// What the cache lacks, if that is why a model was not found.
fn missing_files(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(HubError::Offline { id, cache, missing }) => Some(format!(
            "{id} is not complete in the Hub cache {}; a run would download {}",
            cache.display(),
            missing.join(", ")
        )),
        _ => None,
    })
}
