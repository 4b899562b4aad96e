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
    /// The picture seen in a mirror, where samples may be.
    pub mirrored: Option<MirrorImage>,
    /// Its prompt, one sample; f32 if it is encoded.
    pub conditioning: Prompt,
}

/// A photo seen in a mirror.
#[derive(Clone, Debug)]
pub struct MirrorImage {
    /// Mean of the VAE's posterior, as of the photo.
    pub mean: Tensor,
    /// Its standard deviation.
    pub std: Tensor,
    /// The sizes that the denoiser is told, `(1, 6)` f32, in families that have them: the crop begins elsewhere.
    pub sizes: Option<Tensor>,
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

    /// The item's mirror image, if it has one and this is one of the half of the samples that show it.
    fn mirror_image(&self) -> Option<&MirrorImage> {
        self.item.mirrored.as_ref().filter(|_| self.happens("flip", 0.5))
    }

    /// The prompt, with the sizes of what is shown.
    pub(super) fn told(&self) -> Prompt {
        match self.mirror_image() {
            Some(image) => self.prompt.with_sizes(image.sizes.as_ref()),
            None => self.prompt.clone(),
        }
    }

    /// A draw from the VAE's posterior, `mean + std · ε`, as the denoiser sees it. Where the item has its mirror image,
    /// that is taken for half of the samples.
    pub(super) fn latents(&self, scale: LatentScale) -> Result<Tensor> {
        let (mean, std) = match self.mirror_image() {
            Some(MirrorImage { mean, std, .. }) => (mean, std),
            None => (&self.item.mean, &self.item.std),
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
        if offset == 0.0 { Ok(noise) } else { with_offset(&noise, offset, self.stream("noise-offset")) }
    }
}

/// Noise `(C, h, w)` with a part that is one number for each channel, of this deviation and drawn from this seed.
fn with_offset(noise: &Tensor, offset: f64, seed: u64) -> Result<Tensor> {
    let channels = TorchRng::new(seed).randn_tensor(&[noise.dim(0)?, 1, 1])?;
    noise.broadcast_add(&channels.affine(offset, 0.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/golden/training/make_sd_scripts.py` called sd-scripts' own `apply_noise_offset`.
    #[test]
    fn offset_noise_is_that_of_sd_scripts() {
        #[derive(serde::Deserialize)]
        struct Golden {
            noise: Noise,
        }
        #[derive(serde::Deserialize)]
        struct Noise {
            shape: [usize; 3],
            offset: f64,
            noise_seed: u64,
            seed: u64,
            noise: Vec<f32>,
        }
        let text = include_str!("../../tests/golden/training/sd_scripts.json");
        let golden = serde_json::from_str::<Golden>(text).unwrap().noise;
        let plain = TorchRng::new(golden.noise_seed).randn_tensor(&golden.shape).unwrap();
        let ours = with_offset(&plain, golden.offset, golden.seed).unwrap().flatten_all().unwrap();
        let ours: Vec<f32> = ours.to_vec1().unwrap();
        let plain: Vec<f32> = plain.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(ours.len(), golden.noise.len());
        for ((ours, theirs), plain) in ours.iter().zip(&golden.noise).zip(&plain) {
            assert!((ours - theirs).abs() < 1e-6 && (theirs - plain).abs() > 1e-6, "{ours} {theirs}");
        }
    }
}
