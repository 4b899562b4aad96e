//! The base models of a study.

use std::collections::BTreeMap;

use super::absent::{AbsentModel, missing_files};
use super::lookup::{HubAccess, Lookup};
use super::memories::Memories;
use crate::experiment::Experiment;
use crate::experiment::settings::Base;
use crate::worker::BaseModel;

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
            let found = BaseModel::find(base, &mut memories.hashes, lookup.access());
            let absent =
                found.as_ref().err().and_then(missing_files).filter(|_| lookup.hub == HubAccess::CacheOrAbsent);
            let hash = if let Some(message) = absent {
                let known = memories.model(base);
                let absent = AbsentModel { base: base.clone(), known: known.is_some(), message };
                let hash = known.unwrap_or_else(|| absent.stand_in());
                models.absent.push(absent);
                hash
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
