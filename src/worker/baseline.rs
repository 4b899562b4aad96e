//! Images of the base model without an adapter: by the subject's name, on the study's prompts and on
//! the drift prompts. Made once and shared by every cell.

use super::{
    Context, StageError,
    images::{self, Group, ImageList, ImageSettings},
};
use crate::experiment::Settings;
use crate::models::LoraSet;
use crate::models::Model;
use crate::stage::Stage;

/// Makes the images of the base model.
pub(super) fn run(model: &Model, settings: &Settings, ctx: &Context<'_>) -> Result<(), StageError> {
    let wanted = &settings.generate;
    let mut images = images::entries(Group::Baseline, &wanted.baseline_prompts, &wanted.seeds);
    images.extend(images::entries(Group::Prompt, &wanted.prompts, &wanted.seeds));
    images.extend(images::entries(Group::Drift, &settings.evaluate.drift_prompts, &wanted.seeds));
    let list = ImageList { images, settings: ImageSettings::new(wanted, 0.0) };
    images::render(model, &list, &LoraSet::empty(), wanted.batch_size, Stage::Baseline, ctx)
}
