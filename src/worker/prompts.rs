//! Encoded photos with encoded prompts.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::error::StageError;
use super::origins::Origin;
use crate::models::{Conditioning, ImageSizes, LoraSet, Model};
use crate::training::TrainingItem;

/// Text embeddings, each prompt encoded once.
pub(super) struct Prompts<'a> {
    model: &'a Model,
    known: BTreeMap<String, Conditioning>,
}

impl<'a> Prompts<'a> {
    /// Nothing is encoded yet.
    pub(super) fn new(model: &'a Model) -> Self {
        Self { model, known: BTreeMap::new() }
    }

    /// A picture, encoded as mean and standard deviation `(1, 4, h, w)`, with its prompt. A picture without an origin
    /// was drawn in its size.
    pub(super) fn item(
        &mut self,
        (mean, std): &(Tensor, Tensor),
        prompt: &str,
        origin: Option<Origin>,
    ) -> Result<TrainingItem, StageError> {
        if !self.known.contains_key(prompt) {
            let conditioning =
                self.model.encode_prompt(prompt, &LoraSet::empty())?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
            self.known.insert(prompt.to_owned(), conditioning);
        }
        let (_, _, height, width) = mean.dims4()?;
        let scale = self.model.vae_config.scale();
        let target = (height * scale, width * scale);
        let sizes = origin.map_or(ImageSizes::drawn(target.0, target.1), |origin| origin.sizes(target));
        let conditioning = self.model.denoiser.conditions(&self.known[prompt], sizes)?;
        Ok(TrainingItem { mean: mean.squeeze(0)?, std: std.squeeze(0)?, conditioning })
    }
}
