//! How the batches of a training are drawn.

use crate::experiment::settings::TrainRecipe;
use crate::models::config::LatentScale;

/// How batches are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchConfig {
    /// Photos per forward pass; with prior preservation as many samples come on top.
    pub batch_size: usize,
    /// Forward passes per optimizer step.
    pub gradient_accumulation: usize,
    /// Probability that an adapter's input is dropped, 0 to <1.
    pub dropout: f64,
    /// Probability that a photo's prompt is empty.
    pub caption_dropout: f64,
    /// Deviation of the part of the noise that is one number for each channel.
    pub noise_offset: f64,
    /// From the VAE's latents to the denoiser's.
    pub latents: LatentScale,
    /// Seeds data order, latents, noise, times and dropout.
    pub seed: u64,
}

impl BatchConfig {
    /// The settings of a training on a model whose latents are scaled like this.
    #[must_use]
    pub fn new(recipe: &TrainRecipe, latents: LatentScale) -> Self {
        Self {
            batch_size: recipe.batch_size,
            gradient_accumulation: recipe.gradient_accumulation,
            dropout: recipe.dropout,
            caption_dropout: recipe.caption_dropout.unwrap_or(0.0),
            noise_offset: recipe.noise_offset.unwrap_or(0.0),
            latents,
            seed: recipe.seed,
        }
    }
}
