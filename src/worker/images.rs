//! What `baseline`, `class_images` and `generate` share: a list of wanted images, each made once,
//! kept in the workspace as soon as it is finished, and listed in `images.json`.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::{Context, StageError, help::failed, png};
use crate::experiment::settings::{Generate, Sampler};
use crate::models::LoraSet;
use crate::models::Model;
use crate::pipeline::{self, ImageRequest};
use crate::stage::Stage;
use crate::store::Artifact;

/// What an image is for; the first part of its file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Does the base model know the subject by name?
    Baseline,
    /// A prompt of the study, with and without the adapter.
    Prompt,
    /// Must look the same with and without the adapter.
    Drift,
    /// Prior preservation.
    Class,
}

/// One image that exists or should exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageEntry {
    /// Path inside the artifact.
    pub file: String,
    /// The whole prompt.
    pub prompt: String,
    /// Seed of the starting noise.
    pub seed: u64,
    /// What it is for.
    pub group: Group,
}

/// `images.json` of an artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageList {
    /// In the order they were asked for.
    pub images: Vec<ImageEntry>,
    /// How they were made.
    pub settings: ImageSettings,
}

impl ImageList {
    /// Reads the file of an artifact.
    pub fn read(artifact: &Artifact) -> Result<Self, StageError> {
        serde_json::from_slice(&artifact.read("images.json")?).map_err(failed)
    }
}

/// How the images of one list were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ImageSettings {
    pub sampler: Sampler,
    pub steps: usize,
    pub guidance_scale: f64,
    pub negative_prompt: String,
    pub width: usize,
    pub height: usize,
    pub lora_scale: f64,
}

impl ImageSettings {
    /// The settings of `[generate]`; `lora_scale` is that of the adapter in use, 0 without one.
    pub fn new(generate: &Generate, lora_scale: f64) -> Self {
        Self {
            sampler: generate.sampler,
            steps: generate.steps,
            guidance_scale: generate.guidance_scale,
            negative_prompt: generate.negative_prompt.clone(),
            width: generate.width,
            height: generate.height,
            lora_scale,
        }
    }
}

/// Every prompt with every seed, in that order.
pub fn entries(group: Group, prompts: &[String], seeds: &[u64]) -> Vec<ImageEntry> {
    let name = match group {
        Group::Baseline => "baseline",
        Group::Prompt => "prompt",
        Group::Drift => "drift",
        Group::Class => "class",
    };
    let mut entries = Vec::with_capacity(prompts.len() * seeds.len());
    for (index, prompt) in prompts.iter().enumerate() {
        for seed in seeds {
            let file = format!("images/{name}_{index:02}_{seed}.png");
            entries.push(ImageEntry { file, prompt: prompt.clone(), seed: *seed, group });
        }
    }
    entries
}

/// Makes every image of `list` that the workspace does not hold yet, then writes `images.json`.
///
/// Images of one prompt go through the model `batch_size` at a time, or more ([`Model::images_at_once`]); an image does
/// not depend on its batch, so an interrupted list ends in the same bytes.
pub fn render(
    model: &Model,
    list: &ImageList,
    lora: &LoraSet,
    batch_size: usize,
    stage: Stage,
    ctx: &Context<'_>,
) -> Result<(), StageError> {
    let total = list.images.len();
    let missing: Vec<&ImageEntry> = list.images.iter().filter(|entry| !ctx.workspace.has(&entry.file)).collect();
    if missing.len() < total && !missing.is_empty() {
        ctx.note(format!("{} of {total} images are already there, going on with the rest", total - missing.len()));
    }
    let mut done = total - missing.len();
    let at_once = model.images_at_once(list.settings.width, list.settings.height, batch_size);
    for batch in same_prompt(&missing, at_once) {
        let seeds: Vec<u64> = batch.iter().map(|entry| entry.seed).collect();
        let request = ImageRequest {
            prompt: &batch[0].prompt,
            negative_prompt: &list.settings.negative_prompt,
            seeds: &seeds,
            width: list.settings.width,
            height: list.settings.height,
            sampler: list.settings.sampler,
            steps: list.settings.steps,
            guidance_scale: list.settings.guidance_scale,
            batch_size: seeds.len(),
        };
        let mut progress = |step: usize, steps: usize| {
            ctx.progress(stage, (done as u64, total as u64), "images", format!("step {step}/{steps}"));
            if ctx.stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let images = pipeline::generate(model, &request, lora, &mut progress)?;
        if images.len() != batch.len() {
            return Err(StageError::Stopped);
        }
        for (entry, image) in batch.iter().zip(&images) {
            let bytes = png::encode(image.width, image.height, &image.pixels)?;
            ctx.workspace.write(&entry.file, &bytes)?;
        }
        done += batch.len();
        ctx.progress(stage, (done as u64, total as u64), "images", String::new());
        if ctx.stop.is_set() && done < total {
            return Err(StageError::Stopped);
        }
    }
    ctx.write_json("images.json", list)
}

/// Cuts a list into runs of one prompt, `limit` entries at most.
fn same_prompt<'a>(entries: &'a [&'a ImageEntry], limit: usize) -> Vec<&'a [&'a ImageEntry]> {
    let mut batches = Vec::new();
    for run in entries.chunk_by(|a, b| a.prompt == b.prompt) {
        batches.extend(run.chunks(limit));
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_prompts_times_seeds_with_stable_names() {
        let prompts = ["a cat".to_string(), "a dog".to_string()];
        let entries = entries(Group::Prompt, &prompts, &[3, 1]);
        let files: Vec<&str> = entries.iter().map(|entry| entry.file.as_str()).collect();
        assert_eq!(
            files,
            ["images/prompt_00_3.png", "images/prompt_00_1.png", "images/prompt_01_3.png", "images/prompt_01_1.png"]
        );
    }

    #[test]
    fn batches_never_mix_prompts() {
        let prompts = ["a".to_string(), "b".to_string()];
        let all = entries(Group::Class, &prompts, &[0, 1, 2]);
        let all: Vec<&ImageEntry> = all.iter().collect();
        let sizes: Vec<usize> = same_prompt(&all, 2).iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [2, 1, 2, 1]);
        assert!(same_prompt(&all, 8).iter().all(|batch| batch.iter().all(|entry| entry.prompt == batch[0].prompt)));
    }
}
