//! What a training works on, encoded: photos and class images with their prompts.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::{context::Context, error::StageError, error::failed, images, latents};
use crate::models::{Conditioning, Model};
use crate::records::photos::short;
use crate::stage::{Stage, Train};
use crate::training::TrainingItem;

/// Photos and class images, encoded.
pub(super) struct Items {
    pub(super) train: Vec<TrainingItem>,
    pub(super) held_out: Vec<TrainingItem>,
    pub(super) class: Vec<TrainingItem>,
}

impl Items {
    /// Reads latents from the store and encodes prompts.
    pub(super) fn gather(model: &Model, wanted: &Train, ctx: &Context<'_>) -> Result<Self, StageError> {
        let latents = latents::read(ctx.need(Stage::Prepare)?)?;
        let mut prompts = Prompts { model, known: BTreeMap::new() };
        let mut photo = |hash: &String| {
            let caption = wanted.captions.as_ref().and_then(|captions| captions.get(hash));
            let latent =
                latents.get(short(hash)).ok_or_else(|| failed(format!("photo {} has no latents", short(hash))))?;
            prompts.item(latent, caption.unwrap_or(&wanted.train.recipe.instance_prompt))
        };
        let train = wanted.photos.iter().map(&mut photo).collect::<Result<_, _>>()?;
        let held_out = wanted.held_out.iter().map(&mut photo).collect::<Result<_, _>>()?;
        let class = match wanted.class_images {
            None => Vec::new(),
            Some(_) => {
                let artifact = ctx.need(Stage::ClassImages)?;
                let (latents, list) = (latents::read(artifact)?, images::read(artifact)?);
                let images = latents.values().zip(&list.images);
                images.map(|(latent, image)| prompts.item(latent, &image.prompt)).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { train, held_out, class })
    }
}

/// Text embeddings, each prompt encoded once.
struct Prompts<'a> {
    model: &'a Model,
    known: BTreeMap<String, Conditioning>,
}

impl Prompts<'_> {
    fn item(&mut self, (mean, std): &(Tensor, Tensor), prompt: &str) -> Result<TrainingItem, StageError> {
        if !self.known.contains_key(prompt) {
            let conditioning = self.model.encode_prompt(prompt)?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
            self.known.insert(prompt.to_owned(), conditioning);
        }
        Ok(TrainingItem { mean: mean.squeeze(0)?, std: std.squeeze(0)?, conditioning: self.known[prompt].clone() })
    }
}
