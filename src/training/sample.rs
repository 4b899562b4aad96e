//! The photos and class images of a training, and which of them each sample uses.

use candle_core::{Device, Result, Tensor};

use super::prompt::Prompt;
use crate::models::config::LatentScale;
use crate::sampling::noise::{TorchRng, derive};

/// A photo or class image with its prompt, encoded once.
#[derive(Clone, Debug)]
pub struct TrainingItem {
    /// Mean of the VAE's posterior, unscaled, `(4, h, w)` f32.
    pub mean: Tensor,
    /// Its standard deviation, of the same shape.
    pub std: Tensor,
    /// Both of the picture seen in a mirror, where samples may be.
    pub mirrored: Option<(Tensor, Tensor)>,
    /// Its prompt, one sample; f32 if it is encoded.
    pub conditioning: Prompt,
}

/// One sample of a batch.
pub(super) struct Sample<'a> {
    /// `photo` or `class`: which streams its random numbers come from.
    pub(super) kind: &'static str,
    pub(super) item: &'a TrainingItem,
    /// The item's own prompt, or the one that it is shown with in this batch.
    pub(super) prompt: Prompt,
    /// Counts the samples of the whole training.
    pub(super) number: u64,
    /// The seed of the training.
    pub(super) seed: u64,
}

impl Sample<'_> {
    /// The seed of the sample's random numbers for one purpose.
    pub(super) fn stream(&self, purpose: &str) -> u64 {
        derive(self.seed, &format!("train/{}/{purpose}", self.kind), self.number, 0)
    }

    /// Whether something of this probability happens to the sample.
    pub(super) fn happens(&self, purpose: &str, probability: f64) -> bool {
        probability > 0.0
            && TorchRng::new(self.stream(purpose)).rand(&[1]).first().is_some_and(|u| f64::from(*u) < probability)
    }

    /// A draw from the VAE's posterior, `mean + std · ε`, as the denoiser sees it. Where the item has its mirror image,
    /// that is taken for half of the samples.
    pub(super) fn latents(&self, scale: LatentScale) -> Result<Tensor> {
        let TrainingItem { mean, std, mirrored, .. } = self.item;
        let (mean, std) = match mirrored {
            Some((mean, std)) if self.happens("flip", 0.5) => (mean, std),
            _ => (mean, std),
        };
        let noise = TorchRng::new(self.stream("posterior")).randn_tensor(mean.dims())?;
        let drawn = (mean.to_device(&Device::Cpu)? + (std.to_device(&Device::Cpu)? * noise)?)?;
        scale.to_denoiser(&drawn)
    }

    /// Noise of the latents' shape. `offset` is the deviation of a part that is one number for each channel:
    /// `ε + offset · ε_c` ([crosslabs.org](https://www.crosslabs.org/blog/diffusion-with-offset-noise); diffusers and
    /// sd-scripts add it in the same way).
    pub(super) fn noise(&self, offset: f64) -> Result<Tensor> {
        let shape = self.item.mean.dims();
        let noise = TorchRng::new(self.stream("noise")).randn_tensor(shape)?;
        if offset == 0.0 {
            return Ok(noise);
        }
        let channels = TorchRng::new(self.stream("noise-offset")).randn_tensor(&[shape[0], 1, 1])?;
        noise.broadcast_add(&channels.affine(offset, 0.0)?)
    }
}
