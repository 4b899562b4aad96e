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
pub use super::subject::Subject;
pub use super::train::{Train, TrainRecipe};
pub use crate::choice::{
    Crop, Device, Dtype, LrScheduler, Optimizer, PriorKind, PromptOptions, Purpose, Question, Sampler, Sampling,
    Scaling, Targets,
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
}
