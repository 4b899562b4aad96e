//! The base models of a study.

use std::collections::BTreeMap;

use super::absent::{AbsentModel, missing_files};
use super::lookup::{HubAccess, Lookup};
use super::memories::{KnownModel, Memories};
use crate::choice::Sampler;
use crate::experiment::Experiment;
use crate::experiment::settings::ModelSources;
use crate::worker::BaseModel;

/// The models of a study, and their hashes.
#[derive(Debug, Default)]
pub(super) struct Models {
    pub(super) found: BTreeMap<ModelSources, BaseModel>,
    pub(super) absent: Vec<AbsentModel>,
    pub(super) hashes: BTreeMap<ModelSources, String>,
    /// What draws their images where nobody names a sampler; of absent models as far as it is known.
    pub(super) samplers: BTreeMap<ModelSources, Sampler>,
}

impl Models {
    /// Finds the base model of every cell. Nothing is loaded: headers and configurations are read, and files are hashed
    /// that `memories` does not know.
    ///
    /// # Errors
    /// A model that is not usable, or that cannot be had with this access to the Hub.
    pub(super) fn find(experiment: &Experiment, lookup: &Lookup<'_>, memories: &mut Memories) -> anyhow::Result<Self> {
        let mut models = Self::default();
        for sources in experiment.cells().iter().map(|cell| cell.settings.model.sources()) {
            if models.hashes.contains_key(&sources) {
                continue;
            }
            let found = BaseModel::find(&sources, &mut memories.hashes, lookup.access());
            let absent =
                found.as_ref().err().and_then(missing_files).filter(|_| lookup.hub == HubAccess::CacheOrAbsent);
            let hash = if let Some(message) = absent {
                let known = memories.base_model(&sources);
                let base = sources.all().find(|base| message.is_about(base)).unwrap_or(&sources.base).clone();
                let absent = AbsentModel { base, known: known.is_some(), message: message.text };
                let hash = match known {
                    Some(known) => {
                        models.samplers.insert(sources.clone(), known.sampler);
                        known.hash
                    }
                    None => absent.stand_in(),
                };
                models.absent.push(absent);
                hash
            } else {
                let model = found?;
                let (hash, sampler) = (model.hash.clone(), model.summary.process.usual_sampler());
                memories.note_base_model(&sources, &KnownModel { hash: hash.clone(), sampler });
                models.samplers.insert(sources.clone(), sampler);
                models.found.insert(sources.clone(), model);
                hash
            };
            models.hashes.insert(sources, hash);
        }
        Ok(models)
    }
}
