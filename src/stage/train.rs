//! The DreamBooth LoRA fine-tuning of one cell.
//!
//! It reads crops and latents from `prepare`, but only those of its own photos, which its key already determines: a
//! photo that is added for one cell does not retrain the others.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::about::About;
use super::cell::{CellFacts, Cropping, Keys, ModelInputs, captions, hashes, read_anew};
use super::key::{Key, KeyInputs};
use super::name::Stage;
use super::older_names;
use crate::experiment::settings::{LrScheduler, Probe, TrainRecipe};

/// What the stage says about itself.
pub(super) const ABOUT: About = About {
    version: 3,
    noun: "the training",
    made_again: "trained again",
    needs: &[Stage::Prepare, Stage::ClassImages],
    work,
    written: |inputs| inputs.number("train.rank"),
};

/// What the result depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Train {
    /// Kind of device.
    pub device: String,
    /// The base model.
    pub model: ModelInputs,
    /// How photos are cut.
    pub dataset: Cropping,
    /// Content hashes of the photos that are trained on, in order.
    pub photos: Vec<String>,
    /// Content hashes of the photos whose loss is only measured, in order.
    pub held_out: Vec<String>,
    /// Photos that earlier versions read wrongly.
    pub photos_read_anew: Option<BTreeSet<String>>,
    /// Captions by content hash, if they are wanted.
    pub captions: Option<BTreeMap<String, String>>,
    /// `[subject]`
    pub subject: Identifier,
    /// `[train]`
    pub train: TrainInputs,
    /// When and on what the probe loss is measured.
    pub evaluate: Probe,
    /// The class images, with prior preservation.
    pub class_images: Option<Key>,
    /// What does not change the result.
    #[serde(skip)]
    pub hints: TrainHints,
}

/// `[subject]`, as far as the adapter is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identifier {
    /// The made-up word: adapter files name it.
    pub identifier: String,
    /// What kind of thing it is, where prompts of photos become prompts for the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// `[train]`, as far as the adapter is concerned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainInputs {
    /// How the adapter is trained. `gradient_checkpointing` counts, too: it may add the same gradients in another
    /// order.
    #[serde(flatten)]
    pub recipe: TrainRecipe,
    /// Set with prior preservation.
    pub prior_preservation: Option<PriorWeight>,
}

/// `[train.prior_preservation]`, as far as the training itself is concerned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PriorWeight {
    /// Weight of the class loss.
    pub weight: f64,
    /// The prompt for which the base model's output is kept; `None` with class images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_of: Option<String>,
}

/// What does not change the result of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainHints {
    /// Optimizer steps between checkpoints.
    pub checkpoint_every: usize,
}

impl Train {
    pub(super) fn new(cell: &CellFacts<'_>, keys: &Keys) -> Option<Self> {
        let settings = cell.settings;
        let photos = || cell.train.iter().chain(&cell.held_out).copied();
        let prior = settings.train.prior_preservation.as_ref();
        let output_of = prior.filter(|prior| !prior.kind.is_images()).map(|prior| prior.images.class_prompt.clone());
        Some(Self {
            device: cell.device_class.to_owned(),
            model: cell.model(),
            dataset: cell.cropping(),
            photos: hashes(&cell.train),
            held_out: hashes(&cell.held_out),
            photos_read_anew: read_anew(photos()),
            captions: settings.dataset.captions.then(|| captions(photos(), true, &settings.subject)),
            subject: Identifier {
                identifier: settings.subject.identifier.clone(),
                class: output_of.as_ref().map(|_| settings.subject.class.clone()),
            },
            train: TrainInputs {
                recipe: settings.train.recipe.clone(),
                prior_preservation: prior.map(|prior| PriorWeight { weight: prior.weight, output_of }),
            },
            evaluate: settings.evaluate.probe.clone(),
            class_images: keys.one(Stage::ClassImages).cloned(),
            hints: TrainHints { checkpoint_every: settings.train.checkpoint_every },
        })
    }

    /// The key's inputs: everything but the learning rate settings that the scheduler does not use, under the
    /// names that stored results have.
    pub(super) fn key_inputs(&self) -> KeyInputs {
        const WARMUP: &str = "train.lr_warmup_steps";
        const CYCLES: &str = "train.lr_cycles";
        const POWER: &str = "train.lr_power";
        let unused: &[&str] = match self.train.recipe.lr_scheduler {
            LrScheduler::Constant => &[WARMUP, CYCLES, POWER],
            LrScheduler::ConstantWithWarmup | LrScheduler::Linear | LrScheduler::Cosine => &[CYCLES, POWER],
            LrScheduler::CosineWithRestarts => &[POWER],
            LrScheduler::Polynomial => &[CYCLES],
        };
        let inputs = unused.iter().fold(KeyInputs::of(self), |inputs, name| inputs.without(name));
        older_names::of_optimizer(inputs)
    }
}

/// Samples, times pixels; with prior preservation each photo comes with a class image.
fn work(inputs: &KeyInputs) -> Option<f64> {
    let number = |name| inputs.number(name);
    let samples = match inputs.text(Stage::ClassImages.name()).or(inputs.text("train.prior_preservation.output_of")) {
        Some(_) => 2.0,
        None => 1.0,
    };
    let passes = number("train.steps")? * number("train.gradient_accumulation")?;
    Some(passes * number("train.batch_size")? * samples * number("dataset.resolution")?.powi(2))
}
