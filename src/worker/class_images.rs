//! Class images for prior preservation: what the base model draws for the class prompt, and its latents.

use std::collections::BTreeMap;

use super::{
    Context, StageError,
    help::failed,
    images::{self, Group, ImageList, ImageSettings},
    prepare,
};
use crate::experiment::Settings;
use crate::models::LoraSet;
use crate::models::Model;
use crate::stage::Stage;

/// Makes the class images at the training resolution and encodes them, as the script encodes its class folder.
pub(super) fn run(model: &Model, settings: &Settings, ctx: &Context<'_>) -> Result<(), StageError> {
    let Some(prior) = &settings.train.prior_preservation else {
        return Err(StageError::Failed("class images are not wanted: prior preservation is off".into()));
    };
    let wanted = prior.generate(settings.dataset.resolution, settings.generate.batch_size);
    let images = images::entries(Group::Class, &wanted.prompts, &wanted.seeds);
    let list = ImageList { images, settings: ImageSettings::new(&wanted, wanted.lora_scale) };
    images::render(model, &list, &LoraSet::empty(), wanted.batch_size, Stage::ClassImages, ctx)?;

    let mut tensors = BTreeMap::new();
    for (index, entry) in list.images.iter().enumerate() {
        let bytes = ctx.workspace.read(&entry.file)?.ok_or_else(|| failed(format!("{} is gone", entry.file)))?;
        let image = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).map_err(failed)?.to_rgb8();
        let (mean, std) = prepare::encode(model, &image)?;
        tensors.insert(format!("{index:05}.mean"), mean);
        tensors.insert(format!("{index:05}.std"), std);
        if ctx.stop.is_set() {
            return Err(StageError::Stopped);
        }
    }
    prepare::write_latents(ctx, &tensors)
}
