//! Images with the trained adapter, on the same prompts, seeds and noise as the baseline's.

use super::{adapter, context::Context, error::StageError, images};
use crate::models::Model;
use crate::records::images::{Group, ImageEntry};
use crate::stage::{Generate, GenerateImages, Stage};

/// Makes the images of one adapter.
pub(super) fn run(model: &Model, wanted: &Generate, ctx: &Context<'_>) -> Result<(), StageError> {
    let GenerateImages { images: recipe, lora_scale, checkpoint } = &wanted.generate;
    let mut entries = ImageEntry::all(Group::Prompt, &recipe.prompts, &recipe.seeds);
    entries.extend(ImageEntry::all(Group::Drift, &wanted.evaluate.drift_prompts, &recipe.seeds));
    let list = images::list(entries, recipe, *lora_scale);
    let adapter = adapter::read(model, ctx.need(Stage::Train)?, *checkpoint, *lora_scale)?;
    images::render(model, &list, &adapter, wanted.hints, ctx)
}
