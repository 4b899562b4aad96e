//! A whole text-to-image model, loaded.

use candle_core::{DType, Device};

use super::adaptable::AdaptableLayer;
use super::at_once::at_once;
use super::conditioning::Conditioning;
use super::config::VaeConfig;
use super::denoiser::Denoiser;
use super::finite_vae::FiniteVae;
use super::lora_set::LoraSet;
use super::prompt_encoder::PromptEncoder;
use super::trained_text::TrainedText;
use crate::choice::{PromptOptions, Targets};
use crate::sampling::process::Process;

/// A loaded text-to-image model. All weights are frozen. The text encoders and the VAE are loaded on first use.
#[derive(Debug)]
pub struct Model {
    /// Prompt → conditions.
    pub prompts: PromptEncoder,
    /// The denoiser.
    pub denoiser: Denoiser,
    /// Images ↔ latents.
    pub vae: FiniteVae,
    /// The VAE's sizes and factors.
    pub vae_config: VaeConfig,
    /// How latents become noise, and what the denoiser predicts.
    pub process: Process,
    /// Where the weights are.
    pub device: Device,
    /// How the frozen weights are stored.
    pub dtype: DType,
}

impl Model {
    /// How many images of that size go through the denoiser at once, if the user asks for `wanted`. On a CPU, small
    /// images are put together, because there no image depends on the others of its batch.
    #[must_use]
    pub fn images_at_once(&self, width: usize, height: usize, wanted: usize) -> usize {
        at_once(&self.device, width * height / self.vae_config.scale().pow(2), wanted)
    }

    /// Every layer that an adapter can change: those of the denoiser, and those of the text encoders, whose names begin
    /// with `text_encoder.` or `text_encoder_2.`. Loads the text encoders.
    ///
    /// # Errors
    /// A file that can no longer be read, a device without room.
    pub fn adaptable_layers(&self) -> candle_core::Result<Vec<AdaptableLayer>> {
        let mut layers = self.denoiser.adaptable_layers(Targets::All);
        layers.extend(TrainedText::load(&self.prompts)?.adaptable_layers(Targets::All));
        Ok(layers)
    }

    /// What a prompt becomes in a training, as one sample: tokens `(1, 77, D)` in the activations' type on the model's
    /// device. `lora` is added to the layers of the text encoders that it names.
    ///
    /// # Errors
    /// A full device.
    pub fn encode_prompt(&self, prompt: &str, lora: &LoraSet) -> candle_core::Result<Conditioning> {
        self.prompts.encode(prompt, &PromptOptions::default(), lora, &self.device)
    }
}
