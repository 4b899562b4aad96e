//! Features of photos or images by an image encoder: one job for each encoder and source.
//!
//! Measures of features are numbers of pairs of features. They are computed where a report is made, so a new measure
//! makes nothing again, and a new encoder makes nothing but its features.

use serde::Serialize;

use super::about::About;
use super::cell::{CellEncoder, CellFacts, Keys};
use super::class_words::with_class_word;
use super::key::{Key, KeyInputs};
use super::name::Stage;
use crate::experiment::settings::Purpose;
use crate::text::weighted::without_weights;

/// What the stage says about itself.
pub(super) const ABOUT: About = About {
    version: 1,
    noun: "the features",
    made_again: "new features",
    needs: &[Stage::Prepare, Stage::Baseline, Stage::Generate],
    work: images,
    written: images,
};

/// What the result depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Features {
    /// Kind of device.
    pub device: String,
    /// Content hash of the encoder.
    pub encoder: String,
    /// The artifact with the photos or images.
    pub source: Key,
    /// How many pictures the encoder looks at, mirrored photos and photos without background included; `source`
    /// determines it.
    pub images: usize,
    /// Texts to encode, too: the prompts with the class word in place of the identifier, in the order of
    /// `generate.prompts`.
    pub texts: Option<Vec<String>>,
    /// The stage of `source`.
    #[serde(skip)]
    pub of: Stage,
    /// What the study calls the encoder.
    #[serde(skip)]
    pub name: String,
}

impl Features {
    /// Those of a cell: for each encoder the photos, the base model's images and the cell's images. An encoder that is
    /// not for identity is shown neither the photos nor the images with the class word.
    pub(super) fn all(cell: &CellFacts<'_>, keys: &Keys) -> Vec<Self> {
        let mut all = Vec::new();
        for encoder in &cell.encoders {
            let shown = |stage: Stage, key: &Key| match stage {
                Stage::Baseline if keys.one(stage) == Some(key) => true,
                Stage::Baseline | Stage::Prepare => encoder.is_for(Purpose::Identity),
                _ => ABOUT.needs.contains(&stage),
            };
            let sources = keys.iter().filter(|(stage, key)| shown(*stage, key));
            all.extend(sources.map(|(stage, key)| Self::new(cell, encoder, stage, key, keys)));
        }
        all
    }

    fn new(cell: &CellFacts<'_>, encoder: &CellEncoder<'_>, of: Stage, source: &Key, keys: &Keys) -> Self {
        let generate = &cell.settings.generate;
        let drift = cell.settings.evaluate.drift_prompts.len();
        let (prompts, seeds) = (generate.images.prompts.len(), generate.images.seeds.len());
        let is_main = keys.one(of) == Some(source);
        let images = match of {
            // Each photo and its mirror image, and the subject alone where a mask tells it from its background.
            Stage::Prepare => 2 * cell.photos.len() + cell.masks.len(),
            Stage::Baseline if is_main => (generate.baseline_prompts.len() + prompts + drift) * seeds,
            Stage::Baseline => prompts * seeds,
            _ => (prompts + drift) * seeds,
        };
        let reads_texts = of == Stage::Baseline && is_main && encoder.is_for(Purpose::Prompt);
        // Brackets and numbers that weight words say nothing to an image encoder.
        let text = |prompt: &String| {
            let subject = &cell.settings.subject;
            match generate.images.reading.prompt_weights {
                true => with_class_word(&without_weights(prompt), subject),
                false => with_class_word(prompt, subject),
            }
        };
        Self {
            device: cell.device_class.to_owned(),
            encoder: encoder.hash.to_owned(),
            source: source.clone(),
            images,
            texts: reads_texts.then(|| generate.images.prompts.iter().map(text).collect()),
            of,
            name: encoder.choice.name.clone(),
        }
    }
}

fn images(inputs: &KeyInputs) -> Option<f64> {
    Some(inputs.number("images")? + inputs.length("texts"))
}
