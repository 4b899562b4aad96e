//! The resolved settings of one cell: every key of the experiment file with its type.
//!
//! Prompts are already filled in, paths are absolute, every range is checked.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub use crate::choice::{Crop, Device, Dtype, LrScheduler, Sampler};

/// Everything that decides what one cell does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[model]`
    pub model: Model,
    /// `[subject]`
    pub subject: Subject,
    /// `[dataset]`
    pub dataset: Dataset,
    /// `[train]`
    pub train: Train,
    /// `[generate]`
    pub generate: Generate,
    /// `[evaluate]`
    pub evaluate: Evaluate,
}

/// `[model]`: the base model and where it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// A diffusers folder, a single-file checkpoint or a Hub id.
    pub base: Base,
    /// Storage type of the frozen base weights; adapter and optimizer stay f32.
    pub dtype: Dtype,
    /// `auto`, `cpu`, `cuda`, `cuda:1`, `metal`.
    pub device: Device,
    /// On the CPU: convolutions take less room and more time.
    pub low_memory: bool,
}

/// Where the base model comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// A diffusers folder (with `model_index.json`).
    Folder(PathBuf),
    /// A single-file `.safetensors` checkpoint.
    File(PathBuf),
    /// `owner/name` or `owner/name@revision` on the Hub.
    Hub {
        /// `owner/name`
        id: String,
        /// Branch, tag or commit; `main` if not given.
        revision: Option<String>,
    },
}

/// `[subject]`: the words of the study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The made-up word that will mean the subject, e.g. `aawxbc`.
    pub identifier: String,
    /// What kind of thing it is, e.g. `figurine`.
    pub class: String,
    /// What people call it; used by baseline prompts only. May be empty.
    pub name: String,
}

/// `[dataset]`: which photos, how many, how they are cropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Folders (or single files), walked recursively. Absolute.
    pub images: Vec<PathBuf>,
    /// How many photos the cell trains on.
    pub size: usize,
    /// How many photos no cell trains on.
    pub held_out: usize,
    /// Side of the square training crop in pixels.
    pub resolution: usize,
    /// Where the square is cut out.
    pub crop: Crop,
    /// `photo.txt` beside `photo.jpg` wins over the instance prompt.
    pub captions: bool,
    /// Orders the photos: the first `size` are trained on, the last `held_out` are held out.
    pub seed: u64,
}

/// `[train]`: the fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// What the photos show, e.g. `a photo of aawxbc figurine`.
    pub instance_prompt: String,
    /// Optimizer steps (already computed if the file says `epochs`).
    pub steps: usize,
    /// Photos per forward pass (class images come on top).
    pub batch_size: usize,
    /// Forward passes per optimizer step.
    pub gradient_accumulation: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Shape of the learning rate over the steps.
    pub lr_scheduler: LrScheduler,
    /// Steps of linear warm-up (for `constant` ignored).
    pub lr_warmup_steps: usize,
    /// Restarts of `cosine-with-restarts`.
    pub lr_cycles: usize,
    /// Exponent of `polynomial`.
    pub lr_power: f64,
    /// Rank r of every adapter pair.
    pub rank: usize,
    /// Scale numerator: the update is `alpha / rank · B A`.
    pub alpha: f64,
    /// Dropout on the adapter's input while training, 0 to <1.
    pub dropout: f64,
    /// First moment decay.
    pub adam_beta1: f64,
    /// Second moment decay.
    pub adam_beta2: f64,
    /// Denominator term.
    pub adam_epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Joint gradient norm is clipped to this; 0 switches clipping off.
    pub max_grad_norm: f64,
    /// Recompute activations per block in the backward pass: less memory, more time.
    pub gradient_checkpointing: bool,
    /// Optimizer steps between checkpoints.
    pub checkpoint_every: usize,
    /// Seeds adapter init, data order, noise, timesteps, dropout.
    pub seed: u64,
    /// Prior preservation; `None` when `images = 0`.
    pub prior_preservation: Option<PriorPreservation>,
}

/// `[train.prior_preservation]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorPreservation {
    /// What the class images show, e.g. `a photo of a figurine`.
    pub class_prompt: String,
    /// How many class images.
    pub images: usize,
    /// Weight of the class loss.
    pub weight: f64,
    /// Seeds the class images; not `train.seed`, so that cells with different training seeds share them.
    pub seed: u64,
    /// Sampler of the class images; not that of `[generate]`, so that a change there does not retrain.
    pub sampler: Sampler,
    /// Its steps.
    pub steps: usize,
    /// Its guidance scale.
    pub guidance_scale: f64,
}

impl PriorPreservation {
    /// How the class images are made: squares of `resolution` pixels from `seed`, `seed + 1`, …, without a negative
    /// prompt, `batch_size` at once.
    #[must_use]
    pub fn generate(&self, resolution: usize, batch_size: usize) -> Generate {
        Generate {
            sampler: self.sampler,
            steps: self.steps,
            guidance_scale: self.guidance_scale,
            negative_prompt: String::new(),
            seeds: (0..self.images as u64).map(|image| self.seed.wrapping_add(image)).collect(),
            baseline_prompts: Vec::new(),
            prompts: vec![self.class_prompt.clone()],
            width: resolution,
            height: resolution,
            lora_scale: 0.0,
            batch_size,
        }
    }
}

/// `[generate]`: the comparison images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// Which sampler.
    pub sampler: Sampler,
    /// Sampler steps.
    pub steps: usize,
    /// Classifier-free guidance scale; 1 switches guidance off.
    pub guidance_scale: f64,
    /// What the images should not show.
    pub negative_prompt: String,
    /// One image a prompt and seed.
    pub seeds: Vec<u64>,
    /// Prompts for the base model only: does it know the subject by name?
    pub baseline_prompts: Vec<String>,
    /// Prompts for base model and adapter, on the same noise.
    pub prompts: Vec<String>,
    /// Image width in pixels (`dataset.resolution` if not given).
    pub width: usize,
    /// Image height in pixels (`dataset.resolution` if not given).
    pub height: usize,
    /// Multiplies the adapter at generation, 1 = as trained.
    pub lora_scale: f64,
    /// Images per forward pass; changes speed and memory, never the images.
    pub batch_size: usize,
}

/// `[evaluate]`: the measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// Optimizer steps between probe losses; 0 = only before the first and after the last step.
    pub probe_every: usize,
    /// Timesteps per photo, spread evenly over the schedule.
    pub probe_timesteps: usize,
    /// Photos per split at most (training photos, held-out photos).
    pub probe_photos: usize,
    /// Seeds the probe's noise.
    pub probe_seed: u64,
    /// Prompts that must look the same with and without the adapter.
    pub drift_prompts: Vec<String>,
}
