//! How the images of a cell were drawn.

use serde::{Deserialize, Serialize};

use crate::choice::{Guidance, PromptOptions, Sigmas, Spacing};

/// What draws the images of a cell again, together with their prompts and seeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// The base model: a Hub id, or the end of its path, because folders of this machine never reach a report.
    pub model: String,
    /// Whether the base model is a file or folder, whose path the reader must put in.
    pub model_is_path: bool,
    /// The VAE that stands in for the model's own, written as the model.
    #[serde(default)]
    pub vae: Option<String>,
    /// The model whose text encoders stand in for its own, written as the model.
    #[serde(default)]
    pub text_encoders: Option<String>,
    /// How its weights are stored.
    pub dtype: String,
    /// The sampler's name.
    pub sampler: String,
    /// Sampler steps.
    pub steps: usize,
    /// How the steps are spread, if not as the model says.
    #[serde(default)]
    pub timestep_spacing: Spacing,
    /// The noise levels, if not those of the timesteps.
    #[serde(default)]
    pub sigmas: Sigmas,
    /// How the prompts are read.
    #[serde(default)]
    pub reading: PromptOptions,
    /// How strongly the images follow the prompt.
    #[serde(flatten)]
    pub guidance: Guidance,
    /// What the images should not show.
    pub negative_prompt: String,
    /// Multiplies the adapter; 1 = as trained.
    pub lora_scale: f64,
}
