//! Encoded photos with their prompts.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::error::StageError;
use super::origins::Origin;
use crate::choice::PromptOptions;
use crate::models::{ImageSizes, LoraSet, Model};
use crate::training::{Prompt, TokenIds, TrainingItem};

/// The prompts of pictures, each of them encoded, or cut into tokens, once.
pub(super) struct Prompts<'a> {
    model: &'a Model,
    how: How<'a>,
    known: BTreeMap<String, Prompt>,
}

/// What becomes of a prompt.
enum How<'a> {
    /// What the text encoders make of it, with what an adapter adds to them, without so many of the last layers.
    Encoded(&'a LoraSet, usize),
    /// Its token ids: the text encoders are trained.
    Ids,
}

impl<'a> Prompts<'a> {
    /// Prompts that are encoded, with what an adapter adds to the text encoders. As many of their last layers are left
    /// out as `clip_skip` of a training says.
    pub(super) fn encoded(model: &'a Model, lora: &'a LoraSet, clip_skip: Option<usize>) -> Self {
        Self { model, how: How::Encoded(lora, clip_skip.unwrap_or(0)), known: BTreeMap::new() }
    }

    /// Prompts for text encoders that are trained.
    pub(super) fn ids(model: &'a Model) -> Self {
        Self { model, how: How::Ids, known: BTreeMap::new() }
    }

    /// A picture, encoded as mean and standard deviation `(1, 4, h, w)`, with its prompt. A picture without an origin
    /// was drawn in its size.
    pub(super) fn item(
        &mut self,
        (mean, std): &(Tensor, Tensor),
        prompt: &str,
        origin: Option<Origin>,
    ) -> Result<TrainingItem, StageError> {
        let (_, _, height, width) = mean.dims4()?;
        let scale = self.model.vae_config.scale();
        let target = (height * scale, width * scale);
        let sizes = origin.map_or(ImageSizes::drawn(target.0, target.1), |origin| origin.sizes(target));
        let conditioning = self.prompt(prompt, sizes)?;
        Ok(TrainingItem { mean: mean.squeeze(0)?, std: std.squeeze(0)?, mirrored: None, conditioning })
    }

    /// A prompt for an image of these sizes.
    pub(super) fn prompt(&mut self, prompt: &str, sizes: ImageSizes) -> Result<Prompt, StageError> {
        if !self.known.contains_key(prompt) {
            let known = match self.how {
                How::Encoded(lora, clip_skip) => {
                    let options = PromptOptions { clip_skip, ..PromptOptions::default() };
                    let encoded = self.model.prompts.encode(prompt, &options, lora, &self.model.device)?;
                    encoded.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.into()
                }
                How::Ids => {
                    let ids = self.model.prompts.ids(prompt).into_iter();
                    let ids = ids.map(|ids| Tensor::new(ids, &Device::Cpu)?.unsqueeze(0));
                    Prompt::Ids(TokenIds { ids: ids.collect::<candle_core::Result<_>>()?, sizes: None })
                }
            };
            self.known.insert(prompt.to_owned(), known);
        }
        Ok(match &self.known[prompt] {
            Prompt::Encoded(encoded) => self.model.denoiser.conditions(encoded, sizes)?.into(),
            Prompt::Ids(TokenIds { ids, .. }) => {
                let sizes = self.model.denoiser.is_told_sizes().then(|| sizes.tensor(&Device::Cpu)).transpose()?;
                Prompt::Ids(TokenIds { ids: ids.clone(), sizes })
            }
        })
    }
}
