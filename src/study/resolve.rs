//! From a study to its plan: photos and models are looked up, then everything is pure.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::absent::AbsentModel;
use super::encoders::Encoders;
use super::error::StudyError;
use super::lock::{Lock, Locked};
use super::lookup::Lookup;
use super::memories::Memories;
use super::models::Models;
use super::read::Study;
use super::{class, clip_skip, sampler_steps, sizes};
use crate::choice::DeviceClass;
use crate::experiment::Source;
use crate::experiment::settings::{Base, ModelSources};
use crate::photos::Scan;
use crate::plan::{self, Facts, JobStatus, Plan};
use crate::stage::Inputs;
use crate::store::{Store, StoreError};
use crate::worker::{BaseModel, FoundEncoder};

/// A study that can be run, shown or reported.
#[derive(Debug)]
pub struct Resolved {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The plan of the wanted cells.
    pub plan: Plan,
    /// The plan of all cells: a report is about all of them.
    pub whole: Plan,
    /// The file and all that it extends.
    pub sources: Vec<Arc<Source>>,
    /// Hashes of the base models, by setting; stand-ins for those that are absent and not known.
    pub base_hashes: BTreeMap<ModelSources, String>,
    /// Hashes of the encoders.
    pub encoder_hashes: BTreeMap<Base, String>,
    /// The class of devices it is planned for.
    pub device_class: DeviceClass,
    /// What lies in the photo folders, by `dataset.images`.
    pub photos: BTreeMap<Vec<PathBuf>, Scan>,
    /// The base models that were found.
    pub models: BTreeMap<ModelSources, BaseModel>,
    /// The encoders that were found.
    pub encoders: BTreeMap<Base, FoundEncoder>,
    /// The base models and encoders that were not, with `HubAccess::CacheOrAbsent`.
    pub absent: Vec<AbsentModel>,
    /// What was found out of model files and photos; kept in the store.
    pub memories: Memories,
}

impl Study {
    /// Checks everything that can be checked without loading a model, and plans. Decodes every photo that was not
    /// decoded before. Opens no device.
    ///
    /// # Errors
    /// A photo, a model or a setting that cannot be used.
    pub fn resolve(self, lookup: &Lookup<'_>) -> Result<Resolved, StudyError> {
        let experiment = &self.experiment;
        let mut memories = Memories::open(lookup.store);
        let mut facts = Facts::gather(experiment, &mut memories.photos)?;
        let models = Models::find(experiment, lookup, &mut memories).map_err(StudyError::Model)?;
        let encoders = Encoders::find(experiment, lookup, &mut memories).map_err(StudyError::Model)?;
        facts.base_hashes = models.hashes;
        facts.usual_samplers = models.samplers;
        facts.encoder_hashes = encoders.hashes;
        for choice in &experiment.settings.evaluate.encoders {
            if let Some(encoder) = encoders.found.get(&choice.model) {
                facts.encoder_warnings.insert(choice.name.clone(), encoder.warnings.clone());
            }
        }
        for (base, model) in &models.found {
            facts.base_warnings.insert(base.clone(), model.warnings().to_vec());
        }
        facts.read_prompts(experiment, &|base, prompt, options| {
            Some(models.found.get(base)?.tokenizer()?.read(prompt, options))
        });
        memories.keep();
        sizes::check(experiment, &models.found)?;
        sampler_steps::check(experiment, &models.found)?;
        clip_skip::check(experiment, &models.found)?;
        let device_class = match lookup.device_class {
            Some(class) => class,
            None => class::choose(&self, &facts, &Store::reader(lookup.store))?,
        };
        facts.device_class = device_class.to_string();
        let whole = plan::make(experiment, &facts)?;
        let plan = whole.clone().only(&self.selected);
        Ok(Resolved {
            file: self.file().to_path_buf(),
            plan,
            whole,
            sources: experiment.sources.clone(),
            base_hashes: facts.base_hashes,
            encoder_hashes: facts.encoder_hashes,
            device_class,
            photos: facts.photos,
            models: models.found,
            encoders: encoders.found,
            absent: models.absent.into_iter().chain(encoders.absent).collect(),
            memories,
        })
    }
}

impl Resolved {
    /// Everything that the study is made from, as it is now.
    #[must_use]
    pub fn lock(&self) -> Lock {
        Lock::of(&Locked {
            file: &self.file,
            sources: &self.sources,
            plan: &self.whole,
            base_models: &self.base_hashes,
            encoders: &self.encoder_hashes,
            photos: &self.photos,
        })
    }

    /// The models whose hashes are not known: nothing can be said of the stored results of their cells. Whoever removes
    /// or replaces something must not go on then.
    #[must_use]
    pub fn unknown_models(&self) -> Vec<&AbsentModel> {
        self.absent.iter().filter(|model| !model.known).collect()
    }

    /// What a store already has of the plan, and why the rest is made.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn status(&self, store: &Store) -> Result<Vec<JobStatus>, StoreError> {
        let mut statuses = plan::status(&self.plan, store)?;
        let unknown = self.unknown_models();
        for (job, status) in self.plan.jobs.iter().zip(&mut statuses) {
            let JobStatus::Todo { reason } = status else { continue };
            let sources = |&cell: &usize| self.plan.cells[cell].settings.model.sources();
            let lacks = |base: &Base| unknown.iter().any(|model| model.base == *base);
            if job.cells.iter().any(|cell| sources(cell).all().any(lacks)) {
                *reason = "the base model is not downloaded yet".to_owned();
            } else if let Inputs::Features(features) = &job.inputs
                && unknown.iter().any(|model| model.stand_in() == features.encoder)
            {
                *reason = "the encoder is not downloaded yet".to_owned();
            }
        }
        Ok(statuses)
    }
}
