//! Images of the base model without an adapter: by the subject's name, on the study's prompts and on
//! the drift prompts. Made once and shared by every cell.

use super::{context::Context, error::StageError, images};
use crate::models::LoraSet;
use crate::models::Model;
use crate::records::images::{Group, ImageEntry};
use crate::stage::Baseline;

/// Makes the images of the base model.
pub(super) fn run(model: &Model, wanted: &Baseline, ctx: &Context<'_>) -> Result<(), StageError> {
    let recipe = &wanted.generate.images;
    let mut entries = ImageEntry::all(Group::Baseline, &wanted.generate.baseline_prompts, &recipe.seeds);
    entries.extend(ImageEntry::all(Group::Prompt, &recipe.prompts, &recipe.seeds));
    entries.extend(ImageEntry::all(Group::Drift, &wanted.evaluate.drift_prompts, &recipe.seeds));
    let list = images::list(entries, recipe, 0.0);
    images::render(model, &list, &LoraSet::empty(), wanted.hints, ctx)
}
