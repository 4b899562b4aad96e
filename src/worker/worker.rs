//! The real worker: loads the base model when the first job needs it and keeps it for the next ones.

use std::{collections::BTreeMap, path::PathBuf};

use candle_core::Device;

use super::{
    BaseModel, Context, Output, StageError, Worker, baseline, class_images, device, evaluate, generate, prepare, train,
};
use crate::experiment::settings::{Base, Model};
use crate::models;
use crate::photos::Scan;
use crate::plan::Job;
use crate::stage::Stage;

/// A study's photos and models, and the device they work on.
#[derive(Debug)]
pub struct Stages {
    device: Device,
    photos: BTreeMap<Vec<PathBuf>, Scan>,
    models: BTreeMap<Base, BaseModel>,
    loaded: Option<(Model, models::Model)>,
}

impl Stages {
    /// `photos` and `models` hold every photo folder and base model the plan names.
    #[must_use]
    pub fn new(device: Device, photos: BTreeMap<Vec<PathBuf>, Scan>, models: BTreeMap<Base, BaseModel>) -> Self {
        Self { device, photos, models, loaded: None }
    }

    /// The loaded model of these settings; one is kept at a time.
    fn model(&mut self, wanted: &Model, ctx: &Context<'_>) -> Result<&models::Model, StageError> {
        if !self.loaded.as_ref().is_some_and(|(loaded, _)| loaded == wanted) {
            // The old one goes first: two do not fit on most GPUs.
            self.loaded = None;
            let model = self
                .models
                .get(&wanted.base)
                .ok_or_else(|| StageError::Failed("the base model was not checked".into()))?;
            if model.summary.unet_parameters > 100_000_000 {
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
}

impl Worker for Stages {
    fn execute(&mut self, job: &Job, ctx: &Context<'_>) -> Result<Output, StageError> {
        if job.stage == Stage::Evaluate {
            evaluate::run(job, ctx)?;
        } else {
            let scan = match job.stage {
                Stage::Prepare => self.photos.get(&job.settings.dataset.images).cloned(),
                _ => None,
            };
            let model = self.model(&job.settings.model, ctx)?;
            match (job.stage, scan) {
                (Stage::Prepare, Some(scan)) => prepare::run(model, &job.settings.dataset, &scan, ctx)?,
                (Stage::Baseline, _) => baseline::run(model, &job.settings, ctx)?,
                (Stage::ClassImages, _) => class_images::run(model, &job.settings, ctx)?,
                (Stage::Train, _) => train::run(model, job, ctx)?,
                (Stage::Generate, _) => generate::run(model, &job.settings, ctx)?,
                (Stage::Prepare | Stage::Evaluate, _) => {
                    return Err(StageError::Failed("the photos were not scanned".into()));
                }
            }
        }
        Ok(Output {
            info: serde_json::Value::Null,
            device: device::class(&self.device).to_owned(),
            threads: rayon::current_num_threads(),
        })
    }

    fn reset(&mut self) {
        self.loaded = None;
    }
}
