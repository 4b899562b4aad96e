//! `[train.prior_preservation]`: what keeps the class from turning into the subject.

use super::bounds::{Bounds, MAX_SEED};
use super::image_recipe::{GUIDANCE_SCALES, ImageRecipe, MAX_SAMPLER_STEPS};
use super::problem::Problem;
use super::prompt;
use super::reader::Reader;
use super::subject::Subject;
use crate::choice::{Guidance, PriorKind, PromptOptions, Sampler, Sampling};

use serde::{Deserialize, Serialize};

/// `[train.prior_preservation]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriorPreservation {
    /// What decides the class images.
    #[serde(flatten)]
    pub images: ClassImages,
    /// Weight of the class loss.
    pub weight: f64,
    /// What keeps the class: the images, or the base model's output, for which no images are made.
    #[serde(default, skip_serializing_if = "PriorKind::is_images")]
    pub kind: PriorKind,
}

impl PriorPreservation {
    /// The class images, if there are any.
    #[must_use]
    pub fn class_images(&self) -> Option<&ClassImages> {
        self.kind.is_images().then_some(&self.images)
    }
}

/// The settings that decide the class images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassImages {
    /// What the class images show, e.g. `a photo of a figurine`.
    pub class_prompt: String,
    /// How many class images.
    #[serde(rename = "images")]
    pub count: usize,
    /// Seeds the class images. `train.seed` is another one, so that cells with different training seeds share them.
    pub seed: u64,
    /// Sampler of the class images. `[generate]` has another one, so that a change there does not train again.
    pub sampler: Sampler,
    /// Sampler steps of the class images.
    pub steps: usize,
    /// Guidance scale of the class images.
    pub guidance_scale: f64,
}

impl ClassImages {
    /// How the class images are made: squares of `resolution` pixels from `seed`, `seed + 1`, …, without a negative
    /// prompt.
    #[must_use]
    pub fn recipe(&self, resolution: usize) -> ImageRecipe {
        ImageRecipe {
            sampling: self.sampling(),
            guidance: Guidance::new(self.guidance_scale),
            negative_prompt: String::new(),
            seeds: (0..self.count as u64).map(|image| self.seed.wrapping_add(image)).collect(),
            prompts: vec![self.class_prompt.clone()],
            width: resolution,
            height: resolution,
            reading: PromptOptions::default(),
        }
    }

    /// The sampler of the class images, with the spacing and the noise levels that the model and the sampler have.
    #[must_use]
    pub fn sampling(&self) -> Sampling {
        Sampling::new(self.sampler, self.steps)
    }
}

/// Reads and checks the section: `Some(None)` when it is switched off by `images = 0`, or by `weight = 0` where the
/// output is kept.
pub(super) fn read(
    reader: &mut Reader<'_>,
    subject: &Subject,
    instance_prompt: Option<&str>,
) -> Option<Option<PriorPreservation>> {
    let key = "train.prior_preservation.class_prompt";
    let images = reader.count("train.prior_preservation.images", 0..=100_000);
    let kind: Option<PriorKind> = reader.choice("train.prior_preservation.kind");
    let weight = reader.number("train.prior_preservation.weight", Bounds::from_to(0.0, 1000.0));
    let seed = reader.whole("train.prior_preservation.seed", 0..=MAX_SEED);
    let sampler = reader.choice("train.prior_preservation.sampler");
    let steps = reader.count("train.prior_preservation.steps", 1..=MAX_SAMPLER_STEPS);
    let guidance_scale = reader.number("train.prior_preservation.guidance_scale", GUIDANCE_SCALES.into());
    let text = reader.text(key, "\"a photo of a {class}\"")?;
    let origin = reader.entry(key)?.origin.clone();
    let class_prompt = prompt::fill(reader, key, &text, &origin, subject);
    let (images, weight, seed, class_prompt) = (images?, weight?, seed?, class_prompt?);
    let (kind, sampler, steps, guidance_scale) = (kind?, sampler?, steps?, guidance_scale?);
    let off = match kind {
        PriorKind::Images => images == 0,
        PriorKind::Output => weight == 0.0,
    };
    if off {
        return Some(None);
    }
    if Some(class_prompt.as_str()) == instance_prompt {
        let message = format!("`{key}` and `train.instance_prompt` are both \"{class_prompt}\"");
        reader.push(
            Problem::error(origin.value(), message)
                .expected("a prompt for the class without the identifier, e.g. `a photo of a {class}`"),
        );
        return None;
    }
    if class_prompt.split_whitespace().any(|word| word == subject.identifier) {
        let problem = Problem::warning(origin.value(), format!("`{key}` contains the identifier"));
        reader.push(problem.help("class images show other things of the class, not the subject"));
    }
    if weight == 0.0 {
        let problem = Problem::warning(
            reader.place("train.prior_preservation.weight"),
            "class images are made and trained on, but their loss has weight 0",
        );
        reader.push(problem.help("`images = 0` switches prior preservation off"));
    }
    let images = ClassImages { class_prompt, count: images, seed, sampler, steps, guidance_scale };
    Some(Some(PriorPreservation { images, weight, kind }))
}
