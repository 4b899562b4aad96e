//! Images with the trained adapter, on the same prompts, seeds and noise as the baseline's.

use super::{context::Context, error::StageError, error::failed, images};
use crate::adapter;
use crate::models::{LoraSet, Model};
use crate::records::adapters::DIFFUSERS;
use crate::records::images::{Group, ImageEntry};
use crate::stage::{Generate, Stage};
use crate::store::Artifact;

/// Makes the images of one adapter.
pub(super) fn run(model: &Model, wanted: &Generate, ctx: &Context<'_>) -> Result<(), StageError> {
    let (recipe, lora_scale) = (&wanted.generate.images, wanted.generate.lora_scale);
    let mut entries = ImageEntry::all(Group::Prompt, &recipe.prompts, &recipe.seeds);
    entries.extend(ImageEntry::all(Group::Drift, &wanted.evaluate.drift_prompts, &recipe.seeds));
    let list = images::list(entries, recipe, lora_scale);
    let adapter = adapter(model, ctx.need(Stage::Train)?, lora_scale)?;
    images::render(model, &list, &adapter, wanted.hints, ctx)
}

/// The adapter as everybody else would load it: from its file.
fn adapter(model: &Model, train: &Artifact, scale: f64) -> Result<LoraSet, StageError> {
    let file = train.file(DIFFUSERS)?;
    let modules = model.denoiser.adaptable_layers();
    adapter::file::load_bytes(&file.read()?, &file.path, &modules, scale, &model.device).map_err(failed)
}
