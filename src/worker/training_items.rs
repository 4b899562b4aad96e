//! What a training works on, encoded: photos and class images with their prompts.

use super::{context::Context, error::StageError, images, latents, origins::Origins, prompts::Prompts};
use crate::experiment::settings::Subject;
use crate::models::{ImageSizes, LoraSet, Model};
use crate::stage::{Stage, Train, with_class_word};
use crate::training::{ClassMaterial, Material, MirrorImage, TrainingItem};

/// What a training works on.
pub(super) struct Items {
    /// Photos, what keeps the class as it is, and the empty prompt.
    pub(super) material: Material,
    /// The photos whose loss is only measured.
    pub(super) held_out: Vec<TrainingItem>,
}

impl Items {
    /// Reads latents from the store, and encodes prompts or cuts them into tokens.
    pub(super) fn gather(model: &Model, wanted: &Train, ctx: &Context<'_>) -> Result<Self, StageError> {
        let prepared = ctx.need(Stage::Prepare)?;
        let (latents, origins) = (latents::read(prepared)?, Origins::read(prepared)?);
        let (recipe, base, cut) = (&wanted.train.recipe, LoraSet::empty(), wanted.dataset.cut());
        let mut prompts = match recipe.text_encoder {
            true => Prompts::ids(model),
            false => Prompts::encoded(model, &base, recipe.clip_skip),
        };
        let caption = |hash: &String| wanted.captions.as_ref().and_then(|captions| captions.get(hash));
        let photo = |prompts: &mut Prompts<'_>, hash: &String| {
            let prompt = caption(hash).unwrap_or(&recipe.instance_prompt);
            let origin = origins.of(hash)?;
            let mut item = prompts.item(latents::of_photo(&latents, hash)?, prompt, Some(origin))?;
            if let Some(latent) = latents::of_mirror_image(&latents, hash) {
                let image = prompts.item(latent, prompt, Some(origin.mirrored(&cut, hash)))?;
                let sizes = image.conditioning.sizes().cloned();
                item.mirrored = Some(MirrorImage { mean: image.mean, std: image.std, sizes });
            }
            Ok::<_, StageError>(item)
        };
        let photos = |prompts: &mut Prompts<'_>, hashes: &[String]| {
            hashes.iter().map(|hash| photo(prompts, hash)).collect::<Result<Vec<_>, _>>()
        };
        let train = photos(&mut prompts, &wanted.photos)?;
        let held_out = photos(&mut prompts, &wanted.held_out)?;
        let output_of = wanted.train.prior_preservation.as_ref().and_then(|prior| prior.output_of.as_ref());
        let class = match (&wanted.class_images, output_of) {
            (Some(_), _) => {
                let artifact = ctx.need(Stage::ClassImages)?;
                let (latents, list) = (latents::read(artifact)?, images::read(artifact)?);
                let images = latents.values().zip(&list.images);
                let images = images.map(|(latent, image)| prompts.item(latent, &image.prompt, None));
                ClassMaterial::Images(images.collect::<Result<_, _>>()?)
            }
            (None, Some(class_prompt)) => {
                let words = Subject { class: wanted.subject.class.clone().unwrap_or_default(), ..subject(wanted) };
                let prompt = |hash: &String| -> Result<_, StageError> {
                    let prompt = caption(hash).map(|caption| with_class_word(caption, &words));
                    let latent = latents::of_photo(&latents, hash)?;
                    let prompt = prompt.as_deref().unwrap_or(class_prompt);
                    Ok(prompts.item(latent, prompt, Some(origins.of(hash)?))?.conditioning)
                };
                ClassMaterial::Output(wanted.photos.iter().map(prompt).collect::<Result<_, _>>()?)
            }
            (None, None) => ClassMaterial::None,
        };
        // Its sizes are those of each photo.
        let empty = |prompts: &mut Prompts<'_>| prompts.prompt("", ImageSizes::drawn(0, 0));
        let empty_prompt = recipe.caption_dropout.map(|_| empty(&mut prompts)).transpose()?;
        Ok(Self { material: Material { photos: train, class, empty_prompt }, held_out })
    }
}

fn subject(wanted: &Train) -> Subject {
    Subject { identifier: wanted.subject.identifier.clone(), class: String::new(), name: String::new() }
}
