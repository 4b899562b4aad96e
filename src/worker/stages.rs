//! The real worker: loads the base model or an encoder when the first job needs it and keeps it for the next ones.

use std::{collections::BTreeMap, path::PathBuf};

use candle_core::Device;

use super::{
    base::BaseModel, baseline, class_images, context::Context, device, encoder::FoundEncoder, error::StageError,
    evaluate, features, generate, interface::Output, interface::Worker, prepare, probe, train,
};
use crate::experiment::settings::{Base, ModelSources};
use crate::models::Model;
use crate::models::vision::Encoder;
use crate::photos::Scan;
use crate::plan::Job;
use crate::stage::{Inputs, ModelInputs};

/// A study's photos and models, and the device they work on.
#[derive(Debug)]
pub struct Stages {
    photos: BTreeMap<Vec<PathBuf>, Scan>,
    models: Models,
}

impl Stages {
    /// `photos`, `models` and `encoders` hold every photo folder, base model and encoder the plan names.
    #[must_use]
    pub fn new(
        device: Device,
        photos: BTreeMap<Vec<PathBuf>, Scan>,
        models: BTreeMap<ModelSources, BaseModel>,
        encoders: BTreeMap<Base, FoundEncoder>,
    ) -> Self {
        let models = Models { device, found: models, encoders, loaded: None, loaded_encoders: BTreeMap::new() };
        Self { photos, models }
    }
}

impl Worker for Stages {
    fn execute(&mut self, job: &Job, ctx: &Context<'_>) -> Result<Output, StageError> {
        let Self { photos, models } = self;
        match &job.inputs {
            Inputs::Prepare(wanted) => {
                let lost = || StageError::Failed("the photos were not scanned".into());
                let scan = photos.get(&wanted.folders).ok_or_else(lost)?;
                prepare::run(models.load(&wanted.model, ctx)?, wanted, scan, ctx)?;
            }
            Inputs::Baseline(wanted) => baseline::run(models.load(&wanted.model, ctx)?, wanted, ctx)?,
            Inputs::ClassImages(wanted) => class_images::run(models.load(&wanted.model, ctx)?, wanted, ctx)?,
            Inputs::Train(wanted) => train::run(models.load(&wanted.model, ctx)?, wanted, ctx)?,
            Inputs::Generate(wanted) => generate::run(models.load(&wanted.model, ctx)?, wanted, ctx)?,
            Inputs::Evaluate(wanted) => evaluate::run(wanted, ctx)?,
            Inputs::Features(wanted) => features::run(models.load_encoder(&wanted.encoder)?, wanted, ctx)?,
            Inputs::Probe(wanted) => probe::run(models.load(&wanted.model, ctx)?, wanted, ctx)?,
        }
        Ok(Output { device: device::class(&models.device).to_string(), threads: rayon::current_num_threads() })
    }

    fn reset(&mut self) {
        self.models.loaded = None;
        self.models.loaded_encoders.clear();
    }
}

/// The base models and encoders of a study. One base model is loaded at a time. Encoders are small, and each cell needs
/// all of them: they stay.
#[derive(Debug)]
struct Models {
    device: Device,
    found: BTreeMap<ModelSources, BaseModel>,
    encoders: BTreeMap<Base, FoundEncoder>,
    loaded: Option<(ModelInputs, Model)>,
    /// By hash.
    loaded_encoders: BTreeMap<String, Encoder>,
}

impl Models {
    /// The model of these inputs, loaded unless it is the one that is loaded already.
    fn load(&mut self, wanted: &ModelInputs, ctx: &Context<'_>) -> Result<&Model, StageError> {
        if !self.loaded.as_ref().is_some_and(|(loaded, _)| loaded == wanted) {
            // The old one goes first: two do not fit on most GPUs.
            self.loaded = None;
            let unchecked = || StageError::Failed("the base model was not checked".into());
            let model = self.found.values().find(|model| model.hash == wanted.base).ok_or_else(unchecked)?;
            if model.summary.parameters() > 100_000_000 {
                ctx.note(format!("loading {}", model.path.display()));
            }
            let model = model
                .load(&self.device, wanted.dtype, wanted.low_memory)
                .map_err(|error| StageError::Failed(format!("{error:#}")))?;
            self.loaded = Some((wanted.clone(), model));
        }
        match &self.loaded {
            Some((_, model)) => Ok(model),
            None => Err(StageError::Failed("the base model was not loaded".into())),
        }
    }

    /// The encoder with this hash, loaded unless it is loaded already.
    fn load_encoder(&mut self, hash: &str) -> Result<&Encoder, StageError> {
        if !self.loaded_encoders.contains_key(hash) {
            let unchecked = || StageError::Failed("the encoder was not checked".into());
            let found = self.encoders.values().find(|found| found.hash == hash).ok_or_else(unchecked)?;
            self.loaded_encoders.insert(hash.to_owned(), found.load(&self.device)?);
        }
        self.loaded_encoders.get(hash).ok_or_else(|| StageError::Failed("the encoder was not loaded".into()))
    }
}
