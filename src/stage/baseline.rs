//! Images of the base model without an adapter: by the subject's name, on the study's prompts and on the drift
//! prompts. Made once and shared by every cell.
//!
//! A study that measures likeness has a second job of this stage ([`Baseline::all`]).

use serde::Serialize;

use super::about::About;
use super::cell::{CellFacts, ModelInputs};
use super::class_words::with_class_word;
use super::drawing::{self, DriftPrompts, ImageHints};
use crate::experiment::settings::{ImageRecipe, Purpose};

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
    /// The images of the base model. If the study measures likeness, a second list has the prompts with the class word
    /// in place of the identifier: they are the floor of the likeness, because the identifier means nothing to the base
    /// model. Without an encoder nobody would look at them.
    pub(super) fn all(cell: &CellFacts<'_>) -> Vec<Self> {
        let main = Self::main(cell);
        let subject = &cell.settings.subject;
        let prompts = &main.generate.images.prompts;
        let class_words: Vec<String> = prompts.iter().map(|prompt| with_class_word(prompt, subject)).collect();
        let is_wanted =
            cell.encoders.iter().any(|encoder| encoder.is_for(Purpose::Identity)) && class_words != *prompts;
        let floor = is_wanted.then(|| {
            let images = ImageRecipe { prompts: class_words, ..main.generate.images.clone() };
            let generate = BaselineImages { images, baseline_prompts: Vec::new() };
            Self { generate, evaluate: DriftPrompts { drift_prompts: Vec::new() }, ..main.clone() }
        });
        std::iter::once(main).chain(floor).collect()
    }

    fn main(cell: &CellFacts<'_>) -> Self {
        let generate = &cell.settings.generate;
        Self {
            device: cell.device_class.to_owned(),
            model: cell.model(),
            generate: BaselineImages {
                images: generate.images.clone(),
                baseline_prompts: generate.baseline_prompts.clone(),
            },
            evaluate: DriftPrompts::of(cell),
            hints: ImageHints::of(cell),
        }
    }
}
