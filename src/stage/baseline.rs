//! Images of the base model without an adapter: by the subject's name, on the study's prompts and on the drift
//! prompts. Made once and shared by every cell.

use serde::Serialize;

use super::about::About;
use super::cell::{CellFacts, Keys, ModelInputs};
use super::drawing::{self, DriftPrompts, ImageHints};
use crate::experiment::settings::ImageRecipe;

/// What the stage says about itself.
pub(super) const ABOUT: About = About {
    version: 2,
    noun: "the baseline images",
    made_again: "new baseline images",
    needs: &[],
    work: drawing::work,
    written: drawing::written,
};

/// What the result depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// Kind of device.
    pub device: String,
    /// The base model.
    pub model: ModelInputs,
    /// `[generate]`
    pub generate: BaselineImages,
    /// `[evaluate]`
    pub evaluate: DriftPrompts,
    /// What changes no image.
    #[serde(skip)]
    pub hints: ImageHints,
}

/// `[generate]`, as far as the base model's images are concerned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BaselineImages {
    /// The prompts that are drawn with the adapter, too, and how everything is drawn.
    #[serde(flatten)]
    pub images: ImageRecipe,
    /// Prompts for the base model only.
    pub baseline_prompts: Vec<String>,
}

impl Baseline {
    pub(super) fn new(cell: &CellFacts<'_>, _: &Keys) -> Option<Self> {
        let generate = &cell.settings.generate;
        Some(Self {
            device: cell.device_class.to_owned(),
            model: cell.model(),
            generate: BaselineImages {
                images: generate.images.clone(),
                baseline_prompts: generate.baseline_prompts.clone(),
            },
            evaluate: DriftPrompts::of(cell),
            hints: ImageHints::of(cell),
        })
    }
}
