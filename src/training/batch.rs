//! One forward pass of training.

use super::prompt::Prompt;
use candle_core::{Result, Tensor, bail};
use std::collections::BTreeMap;

/// One forward pass of training: everything the gradients depend on besides weights and loss settings.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Clean latents x_0 as the denoiser sees them, `(B, 4, h, w)` f32: photos first, then class images.
    pub latents: Tensor,
    /// ε, of the same shape, f32.
    pub noise: Tensor,
    /// One time per sample, in the words of the model's process.
    pub times: Vec<f32>,
    /// The prompts of the `B` samples; f32 if they are encoded.
    pub conditioning: Prompt,
    /// The first so many samples are photos; the rest are for prior preservation.
    pub photos: usize,
    /// What the rest should be predicted as.
    pub preserved: Preserved,
    /// Module name → dropout mask on that module's input, `(B, tokens, in)` f32. Empty without dropout.
    pub dropout_masks: BTreeMap<String, Tensor>,
}

/// What the samples for prior preservation should be predicted as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preserved {
    /// As what was added to them: they are images of the class that the base model made.
    #[default]
    Images,
    /// As the base model alone predicts them: they are the photos once more, with prompts for the class.
    Output,
}

impl Batch {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// True if there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Refuses counts that do not fit each other.
    pub(super) fn check(&self) -> Result<()> {
        let count = self.len();
        let (latents, noise) = (self.latents.dims(), self.noise.dims());
        if self.photos == 0 || self.photos > count || latents != noise || latents.first() != Some(&count) {
            bail!("a batch of {} photos among {count} times, latents {latents:?} and noise {noise:?}", self.photos);
        }
        if self.conditioning.samples()? != count {
            bail!("a batch of {count} samples with conditions {:?}", self.conditioning.shapes());
        }
        Ok(())
    }
}
