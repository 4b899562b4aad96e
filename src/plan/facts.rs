//! What a plan needs to know of the disk and the machine, gathered before; planning itself is pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::experiment::Experiment;
use crate::experiment::settings::Base;
use crate::photos::{self, PhotoError, Scan};

/// The world outside the experiment file.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What lies in the photo folders, by `dataset.images`.
    pub photos: BTreeMap<Vec<PathBuf>, Scan>,
    /// Content hash of each base model.
    pub base_hashes: BTreeMap<Base, String>,
    /// `cpu`, `cuda` or `metal`: results are reproducible within a class of devices.
    pub device_class: String,
}

impl Facts {
    /// Scans the photo folders and asks `hash_base` for the hash of each base model, each once.
    ///
    /// # Errors
    /// A folder that cannot be read, or what `hash_base` says.
    pub fn gather<E: From<PhotoError>>(
        experiment: &Experiment,
        device_class: &str,
        hash_base: &mut dyn FnMut(&Base) -> Result<String, E>,
    ) -> Result<Self, E> {
        let mut facts = Self { device_class: device_class.to_owned(), ..Self::default() };
        for cell in experiment.cells() {
            let images = &cell.settings.dataset.images;
            if !facts.photos.contains_key(images) {
                facts.photos.insert(images.clone(), photos::scan(images)?);
            }
            let base = &cell.settings.model.base;
            if !facts.base_hashes.contains_key(base) {
                facts.base_hashes.insert(base.clone(), hash_base(base)?);
            }
        }
        Ok(facts)
    }
}
