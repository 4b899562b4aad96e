//! What a training works on, encoded: photos and class images with their prompts.

use super::{context::Context, error::StageError, images, latents, origins::Origins, prompts::Prompts};
use crate::models::Model;
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
        let prepared = ctx.need(Stage::Prepare)?;
        let (latents, origins) = (latents::read(prepared)?, Origins::read(prepared)?);
        let mut prompts = Prompts::new(model);
        let mut photo = |hash: &String| {
            let caption = wanted.captions.as_ref().and_then(|captions| captions.get(hash));
            let prompt = caption.unwrap_or(&wanted.train.recipe.instance_prompt);
            prompts.item(latents::of_photo(&latents, hash)?, prompt, Some(origins.of(hash)?))
        };
        let train = wanted.photos.iter().map(&mut photo).collect::<Result<_, _>>()?;
        let held_out = wanted.held_out.iter().map(&mut photo).collect::<Result<_, _>>()?;
        let class = match wanted.class_images {
            None => Vec::new(),
            Some(_) => {
                let artifact = ctx.need(Stage::ClassImages)?;
                let (latents, list) = (latents::read(artifact)?, images::read(artifact)?);
                let images = latents.values().zip(&list.images);
                images.map(|(latent, image)| prompts.item(latent, &image.prompt, None)).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { train, held_out, class })
    }
}
