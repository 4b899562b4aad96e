//! `[train.prior_preservation]`: class images that keep the class from turning into the subject.

use super::problem::Problem;
use super::reader::{Bounds, Reader};
use super::settings::{PriorPreservation, Subject};
use super::{generate, prompt};

pub(super) const KEYS: &[&str] = &[
    "train.prior_preservation.class_prompt",
    "train.prior_preservation.images",
    "train.prior_preservation.weight",
    "train.prior_preservation.seed",
    "train.prior_preservation.sampler",
    "train.prior_preservation.steps",
    "train.prior_preservation.guidance_scale",
];

/// Reads and checks the section: `Some(None)` when it is switched off by `images = 0`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    subject: &Subject,
    instance_prompt: Option<&str>,
) -> Option<Option<PriorPreservation>> {
    let key = "train.prior_preservation.class_prompt";
    let images = reader.count("train.prior_preservation.images", 0..=100_000);
    let weight = reader.number("train.prior_preservation.weight", Bounds::from_to(0.0, 1000.0));
    let seed = reader.whole("train.prior_preservation.seed", 0..=super::dataset::MAX_SEED);
    let sampler = generate::sampler(reader, "train.prior_preservation.sampler");
    let steps = reader.count("train.prior_preservation.steps", 1..=1000);
    let guidance_scale = reader.number("train.prior_preservation.guidance_scale", generate::GUIDANCE_SCALES.into());
    let text = reader.text(key, "\"a photo of a {class}\"")?;
    let origin = reader.entry(key)?.origin.clone();
    let class_prompt = prompt::fill(reader, key, &text, &origin, subject);
    let (images, weight, seed, class_prompt) = (images?, weight?, seed?, class_prompt?);
    let (sampler, steps, guidance_scale) = (sampler?, steps?, guidance_scale?);
    if images == 0 {
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
            "class images are made and trained on, but their loss counts nothing",
        );
        reader.push(problem.help("`images = 0` switches prior preservation off"));
    }
    Some(Some(PriorPreservation { class_prompt, images, weight, seed, sampler, steps, guidance_scale }))
}
