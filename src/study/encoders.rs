//! The image encoders of a study.

use std::collections::BTreeMap;

use super::absent::{AbsentModel, missing_files};
use super::lookup::{HubAccess, Lookup};
use super::memories::Memories;
use crate::experiment::Experiment;
use crate::experiment::settings::Base;
use crate::worker::FoundEncoder;

/// The encoders of a study, and their hashes.
#[derive(Debug, Default)]
pub(super) struct Encoders {
    pub(super) found: BTreeMap<Base, FoundEncoder>,
    pub(super) absent: Vec<AbsentModel>,
    pub(super) hashes: BTreeMap<Base, String>,
}

impl Encoders {
    /// Finds every encoder. Nothing is loaded: headers and configurations are read, and files are hashed that
    /// `memories` does not know.
    ///
    /// # Errors
    /// An encoder that is not usable, or that cannot be had with this access to the Hub.
    pub(super) fn find(experiment: &Experiment, lookup: &Lookup<'_>, memories: &mut Memories) -> anyhow::Result<Self> {
        let mut encoders = Self::default();
        // All cells have the same.
        for choice in &experiment.settings.evaluate.encoders {
            let found = FoundEncoder::find(choice, &mut memories.hashes, lookup.access());
            let missing = found.as_ref().err().and_then(missing_files);
            let hash = match missing.filter(|_| lookup.hub == HubAccess::CacheOrAbsent) {
                Some(message) => {
                    let known = memories.model(&choice.model.clone().into());
                    let absent =
                        AbsentModel { base: choice.model.clone(), known: known.is_some(), message: message.text };
                    let hash = known.unwrap_or_else(|| absent.stand_in());
                    encoders.absent.push(absent);
                    hash
                }
                None => {
                    let encoder = found?;
                    memories.note_model(&choice.model.clone().into(), &encoder.hash);
                    let hash = encoder.hash.clone();
                    encoders.found.insert(choice.model.clone(), encoder);
                    hash
                }
            };
            encoders.hashes.insert(choice.model.clone(), hash);
        }
        Ok(encoders)
    }
}
