//! Images with the trained adapter, on the same prompts, seeds and noise as the baseline's.

use super::{
    Context, StageError,
    help::{failed, need},
    images::{self, Group, ImageList, ImageSettings},
    train::ADAPTER,
};
use crate::adapter;
use crate::experiment::Settings;
use crate::models::Model;
use crate::stage::Stage;
use crate::store::Artifact;

/// Makes the images of one adapter.
pub(super) fn run(model: &Model, settings: &Settings, ctx: &Context<'_>) -> Result<(), StageError> {
    let wanted = &settings.generate;
    let mut images = images::entries(Group::Prompt, &wanted.prompts, &wanted.seeds);
    images.extend(images::entries(Group::Drift, &settings.evaluate.drift_prompts, &wanted.seeds));
    let list = ImageList { images, settings: ImageSettings::new(wanted, wanted.lora_scale) };
    let adapter = adapter(model, need(ctx, Stage::Train)?, wanted.lora_scale)?;
    images::render(model, &list, &adapter, wanted.batch_size, Stage::Generate, ctx)
}

/// The adapter as everybody else would load it: from its file.
fn adapter(model: &Model, train: &Artifact, scale: f64) -> Result<crate::models::LoraSet, StageError> {
    let file = train.file(ADAPTER)?;
    let modules = model.denoiser.adaptable_layers();
    adapter::file::load_bytes(&file.read()?, &file.path, &modules, scale, &model.device).map_err(failed)
}
