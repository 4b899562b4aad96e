//! The resolved settings of one cell: every key of the experiment file with its type.
//!
//! Prompts are already filled in, paths are absolute, every range is checked.

use serde::{Deserialize, Serialize};

pub use super::base::Base;
pub use super::dataset::Dataset;
pub use super::encoders::EncoderChoice;
pub use super::evaluate::{Evaluate, Probe};
pub use super::generate::Generate;
pub use super::image_recipe::ImageRecipe;
pub use super::model::Model;
pub use super::model_sources::ModelSources;
pub use super::optimizer::OptimizerRecipe;
pub use super::prior_preservation::{ClassImages, PriorPreservation};
pub use super::race::Race;
pub use super::subject::Subject;
pub use super::train::{Train, TrainRecipe};
pub use crate::choice::{
    Crop, Device, Dtype, Guidance, LrScheduler, Optimizer, PriorKind, PromptOptions, Purpose, Question, Sampler,
    Sampling, Scaling, Targets,
};

/// Everything that decides what one cell does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// `[model]`
    pub model: Model,
    /// `[subject]`
    pub subject: Subject,
    /// `[dataset]`
    pub dataset: Dataset,
    /// `[train]`
    pub train: Train,
    /// `[generate]`
    pub generate: Generate,
    /// `[evaluate]`
    pub evaluate: Evaluate,
    /// `[race]`, if there is a race.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub race: Option<Race>,
}

impl Settings {
    /// The same settings with the sampler `usual` where the model decides.
    #[must_use]
    pub fn drawn_with(&self, usual: Sampler) -> Self {
        let mut settings = self.clone();
        let sampling = &mut settings.generate.images.sampling;
        *sampling = sampling.or(usual);
        if let Some(prior) = &mut settings.train.prior_preservation {
            prior.images.sampler = prior.images.sampler.or(usual);
        }
        settings
    }
}
