//! What a model is, in one line.

use std::collections::BTreeMap;

use super::families::Family;
use super::part::Part;
use crate::sampling::process::Process;
use crate::sampling::schedule::PredictionType;
use crate::tensors::Weights;

/// What can be said of a model's files beside its parts.
#[derive(Clone, Debug)]
pub struct About {
    /// What the names of a file tell; of a folder the sizes tell it.
    family: Option<Family>,
    /// `in one file` or `in a diffusers folder`.
    shape: &'static str,
    /// Further words, such as which EMA weights there are.
    notes: Vec<String>,
    /// What the file says of itself.
    title: Option<String>,
}

impl About {
    /// Of a diffusers folder.
    pub(super) fn of_folder() -> Self {
        Self { family: None, shape: "in a diffusers folder", notes: Vec::new(), title: None }
    }

    /// Of a checkpoint of a family in one file, with a word on its weights.
    pub(super) fn of_file(family: Family, weights: &Weights, note: Option<&str>) -> Self {
        let said = |key: &str| weights.metadata(key).map(clean).filter(|text| !text.is_empty());
        let title = said("modelspec.title").map(|title| match said("modelspec.author") {
            Some(author) => format!("\"{title}\" by {author}"),
            None => format!("\"{title}\""),
        });
        let notes = note.map(str::to_owned).into_iter().collect();
        Self { family: Some(family), shape: "in one file", notes, title }
    }

    /// The line, e.g. `Stable Diffusion 1.x in one file, fp16, with the VAE of vae.safetensors`. `own` says whether a
    /// part comes from the model itself.
    pub(super) fn line(&self, parts: &[Part], process: &Process, own: &dyn Fn(&Part) -> bool) -> String {
        let width = parts.iter().find_map(|part| part.network.denoiser()).map(|denoiser| denoiser.context);
        let family = self.family.or_else(|| width.and_then(Family::of_context));
        let family = family.map_or("a model of its own sizes", |family| family.data().name);
        let mut words = vec![format!("{family} {}", self.shape), types(parts)];
        words.extend(match process.prediction_type() {
            PredictionType::Epsilon => None,
            PredictionType::VPrediction => Some("predicts v".to_owned()),
            PredictionType::Sample => Some("predicts the clean picture".to_owned()),
        });
        words.extend(self.notes.iter().cloned());
        for part in parts.iter().filter(|part| !own(part)) {
            let from = part.weights.source().display();
            words.push(format!("with the {} of {from}", part.data.folder.replace('_', " ").replace("vae", "VAE")));
        }
        words.extend(self.title.as_ref().map(|title| format!("called {title}")));
        words.join(", ")
    }
}

/// `fp16`, or where the parts differ `unet fp16, vae fp32`.
fn types(parts: &[Part]) -> String {
    let of: Vec<(&str, &str)> = parts.iter().map(|part| (part.data.folder, common_type(&part.weights))).collect();
    match of.first() {
        Some((_, first)) if of.iter().all(|(_, other)| other == first) => (*first).to_owned(),
        _ => of.iter().map(|(part, word)| format!("{} {word}", part.replace('_', " "))).collect::<Vec<_>>().join(", "),
    }
}

/// The word that people use for the type of most tensors.
fn common_type(weights: &Weights) -> &'static str {
    let types: BTreeMap<&str, usize> = weights.types();
    match types.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name) {
        Some("F16") => "fp16",
        Some("BF16") => "bf16",
        Some("F32") => "fp32",
        Some("F64") => "fp64",
        _ => "of another type",
    }
}

/// A text of somebody else's file on one line.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect::<String>().trim().to_owned()
}
