//! What decides an image beside the model and the adapter.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::choice::{Guidance, PromptOptions, Sampling};

/// More sampler steps than this do not exist: there are as many training timesteps.
pub const MAX_SAMPLER_STEPS: u64 = 1000;
/// No text encoder has more layers than this; how many the model's have is checked when it is found.
pub const MAX_CLIP_SKIP: u64 = 100;
/// The guidance scales that are accepted, in files and on the command line.
pub const GUIDANCE_SCALES: RangeInclusive<f64> = 0.0..=100.0;

/// The rescalings of guidance that are accepted, in files and on the command line.
pub const GUIDANCE_RESCALES: RangeInclusive<f64> = 0.0..=1.0;

/// The settings that decide the images of the prompts: the same with and without the adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageRecipe {
    /// The sampler and where its steps lie.
    #[serde(flatten)]
    pub sampling: Sampling,
    /// How strongly the images follow the prompts.
    #[serde(flatten)]
    pub guidance: Guidance,
    /// What the images should not show.
    pub negative_prompt: String,
    /// One image per prompt and seed.
    pub seeds: Vec<u64>,
    /// Prompts for base model and adapter, on the same noise.
    pub prompts: Vec<String>,
    /// How the prompts and the negative prompt are read.
    #[serde(flatten)]
    pub reading: PromptOptions,
    /// Image width in pixels (`dataset.resolution` if not given).
    pub width: usize,
    /// Image height in pixels (`dataset.resolution` if not given).
    pub height: usize,
}
