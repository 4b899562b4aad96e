use candle_core::{Result, Tensor, bail};
use std::collections::BTreeMap;

/// One forward pass of training: everything the gradients depend on besides weights and loss settings.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Clean latents x_0, scaled (`· scaling_factor`), `(B, 4, h, w)` f32: photos first, then class images.
    pub latents: Tensor,
    /// ε, of the same shape, f32.
    pub noise: Tensor,
    /// One timestep per sample.
    pub timesteps: Vec<u32>,
    /// Text embeddings `(B, tokens, D)` f32.
    pub context: Tensor,
    /// The first so many samples are photos; the rest are class images for prior preservation.
    pub photos: usize,
    /// Module name → dropout mask on that module's input, `(B, tokens, in)` f32. Empty without dropout.
    pub dropout_masks: BTreeMap<String, Tensor>,
}

impl Batch {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timesteps.len()
    }

    /// True if there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timesteps.is_empty()
    }

    /// Refuses counts that do not fit each other.
    pub(super) fn check(&self) -> Result<()> {
        let count = self.len();
        let (latents, noise, context) = (self.latents.dims(), self.noise.dims(), self.context.dims());
        if self.photos == 0 || self.photos > count || latents != noise || latents.first() != Some(&count) {
            bail!("a batch of {} photos among {count} timesteps, latents {latents:?} and noise {noise:?}", self.photos);
        }
        if context.first() != Some(&count) {
            bail!("a batch of {count} samples with text embeddings {context:?}");
        }
        Ok(())
    }
}
