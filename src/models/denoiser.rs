//! The network that predicts, as pipeline and training see it: one variant per kind of network.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};

use super::adaptable::AdaptableLayer;
use super::conditioning::{Conditioning, ImageSizes};
use super::gradients::{LossAndGradients, Recompute};
use super::lora_set::LoraSet;
use super::unet::UNet2DConditionModel;
use crate::choice::Targets;

/// A frozen network that predicts from noisy latents, a time and conditions.
#[derive(Debug)]
pub enum Denoiser {
    /// Stable Diffusion 1, 2 and XL.
    UNet(Box<UNet2DConditionModel>),
}

impl Denoiser {
    /// The prediction `(B, C, h, w)` f32 for noisy `latents` `(B, C, h, w)`. `times` has one time per sample, as the
    /// model's process counts time, and `conditioning` has the conditions of as many samples. `lora` is added to the
    /// frozen layers.
    ///
    /// # Errors
    /// Shapes that do not agree, a full device.
    pub fn forward(
        &self,
        latents: &Tensor,
        times: &[f32],
        conditioning: &Conditioning,
        lora: &LoraSet,
    ) -> Result<Tensor> {
        match self {
            Self::UNet(unet) => unet.forward(latents, times, conditioning, lora),
        }
    }

    /// Runs the network, takes `loss` (a scalar) of its prediction `(B, C, h, w)` f32, and differentiates it by every
    /// tensor of `lora`, which must be those of `Var`s. Other arguments are as in [`forward`](Self::forward). Both ways
    /// of [`Recompute`] give the same loss, and gradients that differ by rounding only.
    ///
    /// # Errors
    /// Shapes that do not agree, or a tensor of the adapter that gets no gradient: its layer is not in this network,
    /// or it is not trainable.
    pub fn loss_and_gradients(
        &self,
        latents: &Tensor,
        times: &[f32],
        conditioning: &Conditioning,
        lora: &LoraSet,
        recompute: Recompute,
        loss: impl FnOnce(&Tensor) -> Result<Tensor> + Send,
    ) -> Result<LossAndGradients> {
        match self {
            Self::UNet(unet) => unet.loss_and_gradients(latents, times, conditioning, lora, recompute, loss),
        }
    }

    /// The layers that an adapter with these targets changes, sorted by name.
    #[must_use]
    pub fn adaptable_layers(&self, targets: Targets) -> Vec<AdaptableLayer> {
        match self {
            Self::UNet(unet) => unet.adaptable_layers(targets),
        }
    }

    /// The Euclidean norms of the weights of each output, `(out)` f32, of the layers that an adapter with these targets
    /// changes, by name.
    ///
    /// # Errors
    /// A full device.
    pub fn weight_norms(&self, targets: Targets) -> Result<BTreeMap<String, Tensor>> {
        match self {
            Self::UNet(unet) => unet.weight_norms(targets),
        }
    }

    /// Number of channels of the latents.
    #[must_use]
    pub fn channels(&self) -> usize {
        match self {
            Self::UNet(unet) => unet.config().in_channels,
        }
    }

    /// The conditions of a prompt for images of these sizes, with all that this network wants to be told: some are told
    /// the sizes, others are not.
    ///
    /// # Errors
    /// A device without room.
    pub fn conditions(&self, prompt: &Conditioning, sizes: ImageSizes) -> Result<Conditioning> {
        if self.is_told_sizes() { prompt.with_sizes(sizes) } else { Ok(prompt.clone()) }
    }

    /// Whether the conditions have the sizes of the images.
    #[must_use]
    pub fn is_told_sizes(&self) -> bool {
        match self {
            Self::UNet(unet) => unet.config().text_time.is_some(),
        }
    }

    /// The type its activations have.
    #[must_use]
    pub fn activation_dtype(&self) -> DType {
        match self {
            Self::UNet(unet) => unet.activation_dtype(),
        }
    }
}

impl From<UNet2DConditionModel> for Denoiser {
    fn from(unet: UNet2DConditionModel) -> Self {
        Self::UNet(Box::new(unet))
    }
}
