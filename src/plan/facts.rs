//! What a plan needs to know of the disk and the machine, gathered before; planning itself is pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::prompts;
use super::readings::Readings;
use crate::choice::{PromptOptions, Sampler};
use crate::experiment::Experiment;
use crate::experiment::settings::{Base, ModelSources};
use crate::models::Reading;
use crate::photos::{self, Memory, PhotoError, Scan};

/// The world outside the experiment file.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What lies in the photo folders, by `dataset.images`.
    pub photos: BTreeMap<Vec<PathBuf>, Scan>,
    /// Content hash of each base model.
    pub base_hashes: BTreeMap<ModelSources, String>,
    /// What draws each base model's images where the study names no sampler. Where it is not known, the plan says that
    /// the model decides.
    pub usual_samplers: BTreeMap<ModelSources, Sampler>,
    /// What the user should know of each base model's files, each a plain sentence.
    pub base_warnings: BTreeMap<ModelSources, Vec<String>>,
    /// Content hash of each image encoder.
    pub encoder_hashes: BTreeMap<Base, String>,
    /// What the user should know of each encoder's files, by its name, each a plain sentence.
    pub encoder_warnings: BTreeMap<String, Vec<String>>,
    /// How each base model reads the prompts that it gets, by prompt.
    pub readings: BTreeMap<ModelSources, Readings>,
    /// `cpu`, `cuda` or `metal`: results are reproducible within a class of devices.
    pub device_class: String,
}

impl Facts {
    /// Scans the photo folders, each once, and decodes the photos that `memory` does not know. The other facts are left
    /// empty.
    ///
    /// # Errors
    /// A folder that cannot be read, or photos that cannot be decoded.
    pub fn gather(experiment: &Experiment, memory: &mut Memory) -> Result<Self, PhotoError> {
        let mut facts = Self::default();
        for dataset in experiment.cells().iter().map(|cell| &cell.settings.dataset) {
            let images = &dataset.images;
            if !facts.photos.contains_key(images) {
                let mut scan = photos::scan(images, dataset.masks.as_deref())?;
                photos::examine(&mut scan, memory)?;
                facts.photos.insert(images.clone(), scan);
            }
        }
        Ok(facts)
    }

    /// Has every prompt of the study read by its base model's tokenizer, each once.
    pub fn read_prompts(
        &mut self,
        experiment: &Experiment,
        read: &dyn Fn(&ModelSources, &str, &PromptOptions) -> Option<Reading>,
    ) {
        for cell in experiment.cells() {
            let base = cell.settings.model.sources();
            let scan = self.photos.get(&cell.settings.dataset.images);
            let known = self.readings.entry(base.clone()).or_default();
            for list in prompts::of(&cell.settings, scan) {
                for prompt in list.prompts {
                    if known.get(&prompt, &list.options).is_none()
                        && let Some(reading) = read(&base, &prompt, &list.options)
                    {
                        known.insert(prompt.into_owned(), &list.options, reading);
                    }
                }
            }
        }
    }
}
