//! What a plan needs to know of the disk and the machine, gathered before; planning itself is pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::prompts;
use crate::experiment::Experiment;
use crate::experiment::settings::Base;
use crate::models::Reading;
use crate::photos::{self, Memory, PhotoError, Scan};

/// The world outside the experiment file.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What lies in the photo folders, by `dataset.images`.
    pub photos: BTreeMap<Vec<PathBuf>, Scan>,
    /// Content hash of each base model.
    pub base_hashes: BTreeMap<Base, String>,
    /// What the user should know of each base model's files, each a plain sentence.
    pub base_warnings: BTreeMap<Base, Vec<String>>,
    /// How each base model reads the prompts that it gets, by prompt.
    pub readings: BTreeMap<Base, BTreeMap<String, Reading>>,
    /// `cpu`, `cuda` or `metal`: results are reproducible within a class of devices.
    pub device_class: String,
}

impl Facts {
    /// Scans the photo folders, decodes the photos that `memory` does not know, and asks `hash_base` for the hash of each
    /// base model, each once.
    ///
    /// # Errors
    /// A folder that cannot be read, photos that cannot be decoded, or what `hash_base` says.
    pub fn gather<E: From<PhotoError>>(
        experiment: &Experiment,
        device_class: &str,
        memory: &mut Memory,
        hash_base: &mut dyn FnMut(&Base) -> Result<String, E>,
    ) -> Result<Self, E> {
        let mut facts = Self { device_class: device_class.to_owned(), ..Self::default() };
        for cell in experiment.cells() {
            let images = &cell.settings.dataset.images;
            if !facts.photos.contains_key(images) {
                let mut scan = photos::scan(images)?;
                photos::examine(&mut scan, memory)?;
                facts.photos.insert(images.clone(), scan);
            }
            let base = &cell.settings.model.base;
            if !facts.base_hashes.contains_key(base) {
                facts.base_hashes.insert(base.clone(), hash_base(base)?);
            }
        }
        Ok(facts)
    }

    /// Has every prompt of the study read by its base model's tokenizer, each once.
    pub fn read_prompts(&mut self, experiment: &Experiment, read: &dyn Fn(&Base, &str) -> Option<Reading>) {
        for cell in experiment.cells() {
            let base = &cell.settings.model.base;
            let scan = self.photos.get(&cell.settings.dataset.images);
            let known = self.readings.entry(base.clone()).or_default();
            for prompt in prompts::of(&cell.settings, scan).into_iter().flat_map(|list| list.prompts) {
                if !known.contains_key(&*prompt)
                    && let Some(reading) = read(base, &prompt)
                {
                    known.insert(prompt.into_owned(), reading);
                }
            }
        }
    }
}
