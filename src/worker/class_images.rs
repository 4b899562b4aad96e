//! Class images for prior preservation: what the base model draws for the class prompt, and its latents.

use super::{context::Context, error::StageError, error::failed, images, latents::Latents, png};
use crate::models::LoraSet;
use crate::models::Model;
use crate::records::images::{Group, ImageEntry};
use crate::stage::ClassImages;

/// Makes the class images at the training resolution, or in the shapes of the photos, and encodes them, as the script
/// encodes its class folder.
pub(super) fn run(model: &Model, wanted: &ClassImages, ctx: &Context<'_>) -> Result<(), StageError> {
    let recipe = wanted.train.prior_preservation.recipe(wanted.dataset.resolution);
    let mut entries = ImageEntry::all(Group::Class, &recipe.prompts, &recipe.seeds);
    for (entry, size) in entries.iter_mut().zip(wanted.sizes().into_iter().flatten()) {
        entry.size = Some(size);
    }
    let list = images::list(entries, &recipe, 0.0);
    images::render(model, &list, &LoraSet::empty(), wanted.hints, ctx)?;

    let mut latents = Latents::default();
    for (index, entry) in list.images.iter().enumerate() {
        let bytes = ctx.workspace.read(&entry.file)?.ok_or_else(|| failed(format!("{} is gone", entry.file)))?;
        latents.add(model, &format!("{index:05}"), &png::decode(&bytes)?)?;
        ctx.warn(model.vae.news());
        ctx.stop_here()?;
    }
    latents.write(ctx)
}
