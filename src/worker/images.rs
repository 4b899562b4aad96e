//! What `baseline`, `class_images` and `generate` share: a list of wanted images, each made once,
//! kept in the workspace as soon as it is finished, and listed in `images.json`.

use std::ops::ControlFlow;

use super::{context::Context, error::StageError, error::failed, png};
use crate::experiment::settings::ImageRecipe;
use crate::models::LoraSet;
use crate::models::Model;
use crate::pipeline::{self, ImageRequest};
use crate::records::images::{FILE, ImageEntry, ImageList, ImageSettings};
use crate::stage::ImageHints;
use crate::store::Artifact;

/// The images and how they are made; `lora_scale` is that of the adapter in use, 0 without one.
pub(super) fn list(images: Vec<ImageEntry>, recipe: &ImageRecipe, lora_scale: f64) -> ImageList {
    let settings = ImageSettings {
        sampling: recipe.sampling,
        guidance: recipe.guidance,
        negative_prompt: recipe.negative_prompt.clone(),
        width: recipe.width,
        height: recipe.height,
        lora_scale,
        reading: recipe.reading,
    };
    ImageList::new(images, settings)
}

/// Reads the list of an artifact.
pub(super) fn read(artifact: &Artifact) -> Result<ImageList, StageError> {
    serde_json::from_slice(&artifact.read(FILE)?).map_err(failed)
}

/// Makes every image of `list` that the workspace does not hold yet, then writes `images.json`.
///
/// Images of one prompt and one size go through the model `batch_size` at a time, or more ([`Model::images_at_once`]).
/// An image does not depend on its batch, so an interrupted list ends in the same bytes.
pub(super) fn render(
    model: &Model,
    list: &ImageList,
    lora: &LoraSet,
    hints: ImageHints,
    ctx: &Context<'_>,
) -> Result<(), StageError> {
    let total = list.images.len();
    let missing: Vec<&ImageEntry> = list.images.iter().filter(|entry| !ctx.workspace.has(&entry.file)).collect();
    if missing.len() < total && !missing.is_empty() {
        ctx.note(format!("{} of {total} images are already there, going on with the rest", total - missing.len()));
    }
    let mut done = total - missing.len();
    let at_once = |entry: &ImageEntry| {
        let (width, height) = list.size(entry);
        model.images_at_once(width, height, hints.batch_size)
    };
    for batch in alike(&missing, at_once) {
        let seeds: Vec<u64> = batch.iter().map(|entry| entry.seed).collect();
        let (width, height) = list.size(batch[0]);
        let request = ImageRequest {
            prompt: &batch[0].prompt,
            negative_prompt: &list.settings.negative_prompt,
            seeds: &seeds,
            width,
            height,
            sampling: list.settings.sampling,
            reading: list.settings.reading,
            guidance: list.settings.guidance,
            batch_size: seeds.len(),
        };
        let mut progress = |step: usize, steps: usize| {
            ctx.progress((done as u64, total as u64), "images", format!("step {step}/{steps}"));
            if ctx.stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let images = pipeline::generate(model, &request, lora, &mut progress)?;
        ctx.warn(model.vae.news());
        if images.len() != batch.len() {
            return Err(StageError::Stopped);
        }
        for (entry, image) in batch.iter().zip(&images) {
            let bytes = png::encode(image)?;
            ctx.workspace.write(&entry.file, &bytes)?;
        }
        done += batch.len();
        ctx.progress((done as u64, total as u64), "images", String::new());
        if done < total {
            ctx.stop_here()?;
        }
    }
    ctx.write_json(FILE, list)
}

/// Cuts a list into runs of one prompt and one size, of at most so many entries as `limit` says of the first.
fn alike<'a>(entries: &'a [&'a ImageEntry], limit: impl Fn(&ImageEntry) -> usize) -> Vec<&'a [&'a ImageEntry]> {
    let mut batches = Vec::new();
    for run in entries.chunk_by(|a, b| a.prompt == b.prompt && a.size == b.size) {
        batches.extend(run.chunks(limit(run[0])));
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::images::Group;

    #[test]
    fn batches_never_mix_prompts_or_sizes() {
        let prompts = ["a".to_string(), "b".to_string()];
        let all = ImageEntry::all(Group::Class, &prompts, &[0, 1, 2]);
        let all: Vec<&ImageEntry> = all.iter().collect();
        let sizes: Vec<usize> = alike(&all, |_| 2).iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [2, 1, 2, 1]);
        assert!(alike(&all, |_| 8).iter().all(|batch| batch.iter().all(|entry| entry.prompt == batch[0].prompt)));
        let mut all: Vec<ImageEntry> = all.into_iter().cloned().collect();
        all[1].size = Some((8, 16));
        let all: Vec<&ImageEntry> = all.iter().collect();
        let sizes: Vec<usize> = alike(&all, |_| 8).iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [1, 1, 1, 3]);
    }
}
