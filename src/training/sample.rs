//! The photos and class images of a training, and which of them each sample uses.

use candle_core::{Device, Result, Tensor};

use crate::models::Conditioning;
use crate::models::config::LatentScale;
use crate::sampling::noise::{TorchRng, derive};

/// A photo or class image with its prompt, encoded once.
#[derive(Clone, Debug)]
pub struct TrainingItem {
    /// Mean of the VAE's posterior, unscaled, `(4, h, w)` f32.
    pub mean: Tensor,
    /// Its standard deviation, of the same shape.
    pub std: Tensor,
    /// What its prompt becomes, one sample, f32.
    pub conditioning: Conditioning,
}

/// The `number`-th photo or class image of the training.
pub(super) struct Sample<'a> {
    /// `photo` or `class`.
    pub(super) kind: &'static str,
    pub(super) items: &'a [TrainingItem],
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

    /// The photo or class image that comes at this place of the epoch's order.
    pub(super) fn item(&self) -> &TrainingItem {
        let count = self.items.len() as u64;
        let order = epoch_order(self.items.len(), self.number / count, self.seed, self.kind);
        &self.items[order[(self.number % count) as usize]]
    }

    /// A draw from the VAE's posterior, `mean + std · ε`, as the denoiser sees it.
    pub(super) fn latents(&self, scale: LatentScale) -> Result<Tensor> {
        let TrainingItem { mean, std, .. } = self.item();
        let noise = TorchRng::new(self.stream("posterior")).randn_tensor(mean.dims())?;
        let drawn = (mean.to_device(&Device::Cpu)? + (std.to_device(&Device::Cpu)? * noise)?)?;
        scale.to_denoiser(&drawn)
    }
}

/// A shuffle of `0..count` for one epoch.
fn epoch_order(count: usize, epoch: u64, seed: u64, kind: &str) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|item| (derive(seed, &format!("train/{kind}/order"), epoch, *item as u64), *item));
    order
}
