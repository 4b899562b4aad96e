//! What can be said about a model without loading its weights.

use super::adaptable::AdaptableLayer;
use super::families::TextStates;
use crate::sampling::process::Process;
use crate::sampling::schedule::PredictionType;

/// What can be said about a model without loading its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSummary {
    /// Channels of the latents, 4.
    pub latent_channels: usize,
    /// Pixels per latent, 8.
    pub vae_scale_factor: usize,
    /// Width and height in pixels of the images the model was trained on, e.g. 512.
    pub native_size: usize,
    /// Width and height of images must be multiples of this many pixels: `vae_scale_factor` times the denoiser's
    /// downsampling.
    pub unet_multiple: usize,
    /// What the denoiser predicts.
    pub prediction_type: PredictionType,
    /// Width of the tokens that the denoiser attends to.
    pub cross_attention_dim: usize,
    /// Which states of its text encoders the denoiser attends to.
    pub text_states: TextStates,
    /// The most last layers of its text encoders that may be left out.
    pub most_clip_skip: usize,
    /// Folder of each part, and the numbers in its tensors.
    pub part_parameters: Vec<(&'static str, u64)>,
    /// How latents become noise; samplers are laid out on it.
    pub process: Process,
    /// The layers an adapter can change, sorted by name.
    pub adaptable_layers: Vec<AdaptableLayer>,
}

impl ModelSummary {
    /// Numbers in all tensors together.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.part_parameters.iter().map(|(_, count)| count).sum()
    }
}
