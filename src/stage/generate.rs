//! Images with the trained adapter, on the same prompts, seeds and noise as the baseline's.

use serde::Serialize;

use super::about::About;
use super::cell::{CellFacts, Keys, ModelInputs};
use super::drawing::{self, DriftPrompts, ImageHints};
use super::key::Key;
use super::name::Stage;
use crate::experiment::settings::ImageRecipe;

/// What the stage says about itself.
pub(super) const ABOUT: About = About {
    version: 2,
    noun: "the images",
    made_again: "new generate images",
    needs: &[Stage::Train],
    work: drawing::work,
    written: drawing::written,
};

/// What the result depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Generate {
    /// Kind of device.
    pub device: String,
    /// `[generate]`
    pub generate: GenerateImages,
    /// `[evaluate]`
    pub evaluate: DriftPrompts,
    /// The training of the adapter.
    pub train: Key,
    /// The base model, which `train` determines.
    #[serde(skip)]
    pub model: ModelInputs,
    /// What changes no image.
    #[serde(skip)]
    pub hints: ImageHints,
}

/// `[generate]`, as far as images with the adapter are concerned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GenerateImages {
    /// What is drawn, and how: the same with and without the adapter, so that the images can be compared.
    #[serde(flatten)]
    pub images: ImageRecipe,
    /// Multiplies the adapter, 1 = as trained.
    pub lora_scale: f64,
    /// The optimizer step after which the adapter was kept; `None` is the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<usize>,
}

impl Generate {
    /// `None` without a training.
    pub(super) fn new(cell: &CellFacts<'_>, keys: &Keys) -> Option<Self> {
        let generate = &cell.settings.generate;
        Some(Self {
            device: cell.device_class.to_owned(),
            generate: GenerateImages {
                images: generate.images.clone(),
                lora_scale: generate.lora_scale,
                checkpoint: generate.checkpoint,
            },
            evaluate: DriftPrompts::of(cell),
            train: keys.one(Stage::Train)?.clone(),
            model: cell.model(),
            hints: ImageHints::of(cell),
        })
    }
}
