//! Which base model an adapter is for, in the words other programs look for in a kohya file.
//!
//! Keys and words are those of sd-scripts (`library/train_util.py`, `library/sai_model_spec.py`) and of
//! [ModelSpec](https://github.com/Stability-AI/ModelSpec). A1111 hides an adapter whose label is not that of the
//! loaded model, so a wrong label is worse than none.

use super::key::Part;
use crate::models::Denoiser;
use crate::models::config::UNetConfig;
use crate::models::families::{Family, Label};
use crate::sampling::process::Process;
use crate::sampling::schedule::PredictionType;
use std::collections::BTreeMap;

/// The base model of an adapter, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseLabel {
    /// The family.
    pub family: Family,
    /// Whether it predicts v, not ε.
    pub v_prediction: Option<bool>,
}

const VERSION: &str = "ss_base_model_version";
const V2: &str = "ss_v2";
const ARCHITECTURE: &str = "modelspec.architecture";
const PREDICTION: &str = "modelspec.prediction_type";

impl BaseLabel {
    /// The label of a model that is there.
    #[must_use]
    pub fn of_model(denoiser: &Denoiser, process: &Process) -> Self {
        match denoiser {
            Denoiser::UNet(unet) => Self::of_unet(unet.config(), process.prediction_type()),
        }
    }

    fn of_unet(config: &UNetConfig, prediction: PredictionType) -> Self {
        let family = match Family::of_context(config.cross_attention_dim) {
            _ if config.text_time.is_some() => Family::Sdxl,
            Some(family) => family,
            None if config.use_linear_projection => Family::Sd2,
            None => Family::Sd1,
        };
        let v_prediction = match prediction {
            PredictionType::Epsilon => Some(false),
            PredictionType::VPrediction => Some(true),
            PredictionType::Sample => None,
        };
        Self { family, v_prediction }
    }

    /// The metadata that says so.
    #[must_use]
    pub fn metadata(self) -> BTreeMap<String, String> {
        let (label, v) = (self.family.data().label, self.v_prediction);
        let version = if v == Some(true) { label.version_v } else { label.version };
        let architecture = match v {
            Some(true) => Some(label.architecture_v),
            Some(false) => Some(label.architecture),
            // ModelSpec has no word for "one of the two".
            None => (label.architecture == label.architecture_v).then_some(label.architecture),
        };
        let mut entries = vec![(VERSION, version), (V2, if label.v2 { "True" } else { "False" })];
        entries.extend(architecture.map(|architecture| (ARCHITECTURE, architecture)));
        entries.extend(v.map(|v| (PREDICTION, if v { "v" } else { "epsilon" })));
        entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The family that metadata names.
    pub(super) fn family(metadata: &BTreeMap<String, String>) -> Option<Family> {
        [VERSION, V2, ARCHITECTURE].iter().find_map(|key| family_of_word(key, metadata.get(*key)?))
    }

    /// Completes the metadata of a file whose tensors show `family`: what contradicts them goes, what is missing is
    /// added. Without a family, and without a word of one in the metadata, nothing is claimed.
    pub(super) fn complete(metadata: &mut BTreeMap<String, String>, family: Option<Family>) {
        let said = |metadata: &BTreeMap<String, String>, key| family_of_word(key, metadata.get(key)?);
        if let Some(family) = family {
            for key in [VERSION, V2, ARCHITECTURE] {
                let wrong = said(metadata, key).is_some_and(|said| said != family)
                    || (key == V2 && family.data().label.v2 && metadata.get(V2).is_some_and(|v| v == "False"));
                if wrong {
                    metadata.remove(key);
                }
            }
        }
        let family = family.or_else(|| Self::family(metadata));
        let Some(family) = family else { return };
        for (key, value) in (Self { family, v_prediction: predicts_v(metadata) }).metadata() {
            metadata.entry(key).or_insert(value);
        }
    }
}

/// What the shapes of an adapter's layers show: each is (part, name, shape of A).
pub(super) fn family_of_layers<'a>(layers: impl Iterator<Item = (Part, &'a str, &'a [usize])>) -> Option<Family> {
    let (mut context, mut text, mut convolution) = (None, None, None);
    for (part, name, down) in layers {
        let width = down.get(1).copied().unwrap_or(0);
        match part {
            Part::TextEncoder2 => return Some(Family::Sdxl),
            Part::Unet if name.starts_with("add_embedding.") => return Some(Family::Sdxl),
            Part::Unet if name.ends_with(".attn2.to_k") || name.ends_with(".attn2.to_v") => {
                context = context.or(Family::of_context(width));
            }
            // SD 1 has 1×1 convolutions here, the others linear layers.
            Part::Unet if name.ends_with(".proj_in") && down.len() == 4 => convolution = Some(Family::Sd1),
            // The first text encoder of SDXL is that of SD 1: its width of 768 shows nothing.
            Part::TextEncoder if name.ends_with(".q_proj") && width == 1024 => text = Some(Family::Sd2),
            _ => {}
        }
    }
    context.or(convolution).or(text)
}

/// The family that a metadata value names.
fn family_of_word(key: &str, value: &str) -> Option<Family> {
    let named = |label: &Label| match key {
        V2 => label.v2 && value == "True",
        _ => label.words.iter().any(|beginning| value.starts_with(beginning)),
    };
    Family::ALL.into_iter().find(|family| named(&family.data().label))
}

/// Whether the metadata says that the base model predicts v; `None`: it does not say.
fn predicts_v(metadata: &BTreeMap<String, String>) -> Option<bool> {
    let get = |key: &str| metadata.get(key).map_or("", String::as_str);
    match get(PREDICTION) {
        "v" | "v_prediction" => return Some(true),
        "epsilon" => return Some(false),
        _ => {}
    }
    if get("ss_v_parameterization") == "True" || get(VERSION).ends_with("_v") || get(ARCHITECTURE).contains("-768-v") {
        return Some(true);
    }
    get(ARCHITECTURE).contains("-v2-512").then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k";

    fn completed(metadata: &[(&str, &str)], family: Option<Family>) -> BTreeMap<String, String> {
        let mut metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        BaseLabel::complete(&mut metadata, family);
        metadata
    }

    #[test]
    fn layers_show_the_family() {
        let of = |layers: &[(Part, &str, &[usize])]| family_of_layers(layers.iter().copied());
        assert_eq!(of(&[(Part::Unet, KEY, &[2, 768])]), Some(Family::Sd1));
        assert_eq!(of(&[(Part::Unet, KEY, &[2, 1024])]), Some(Family::Sd2));
        assert_eq!(of(&[(Part::Unet, KEY, &[2, 2048])]), Some(Family::Sdxl));
        assert_eq!(of(&[(Part::Unet, KEY, &[2, 128])]), None);
        assert_eq!(of(&[(Part::Unet, "a.attn2.to_q", &[2, 1024])]), None);
        assert_eq!(of(&[(Part::Unet, "a.proj_in", &[2, 320, 1, 1])]), Some(Family::Sd1));
        assert_eq!(of(&[(Part::Unet, "a.proj_in", &[2, 320])]), None);
        assert_eq!(of(&[(Part::Unet, "add_embedding.linear_1", &[2, 2816])]), Some(Family::Sdxl));
        assert_eq!(of(&[(Part::TextEncoder, "a.q_proj", &[2, 768])]), None);
        assert_eq!(of(&[(Part::TextEncoder, "a.q_proj", &[2, 1024])]), Some(Family::Sd2));
        assert_eq!(of(&[(Part::TextEncoder, "a", &[2, 768]), (Part::TextEncoder2, "a", &[2, 8])]), Some(Family::Sdxl));
    }

    #[test]
    fn a_label_that_contradicts_the_tensors_goes() {
        let wrong = [(VERSION, "sd_v1"), (V2, "False"), (ARCHITECTURE, "stable-diffusion-v1/lora"), ("title", "x")];
        let sd2 = completed(&wrong, Some(Family::Sd2));
        assert_eq!((sd2[VERSION].as_str(), sd2[V2].as_str(), sd2["title"].as_str()), ("sd_v2", "True", "x"));
        assert!(!sd2.contains_key(ARCHITECTURE));
        let xl = completed(&wrong, Some(Family::Sdxl));
        assert_eq!((xl[VERSION].as_str(), xl[V2].as_str()), ("sdxl_base_v1-0", "False"));
        assert_eq!(xl[ARCHITECTURE], "stable-diffusion-xl-v1-base/lora");
        // More exact than ours, and right.
        assert_eq!(completed(&[(VERSION, "sd_v1-5")], Some(Family::Sd1))[VERSION], "sd_v1-5");
        let v = completed(&[(VERSION, "sd_v2_v")], Some(Family::Sd2));
        assert_eq!((v[ARCHITECTURE].as_str(), v[PREDICTION].as_str()), ("stable-diffusion-v2-768-v/lora", "v"));
    }

    #[test]
    fn nothing_is_claimed_without_a_sign() {
        assert_eq!(completed(&[], None), BTreeMap::new());
        assert_eq!(completed(&[(ARCHITECTURE, "stable-diffusion-v2-512/lora")], None)[VERSION], "sd_v2");
    }

    #[test]
    fn a_model_is_labelled_as_what_it_is() {
        let config = |context: usize, linear: bool| {
            let text = format!(r#"{{"cross_attention_dim": {context}, "use_linear_projection": {linear}}}"#);
            UNetConfig::parse(std::path::Path::new("config.json"), &text).unwrap()
        };
        let version = |context, linear, prediction| {
            BaseLabel::of_unet(&config(context, linear), prediction).metadata()[VERSION].clone()
        };
        assert_eq!(version(768, false, PredictionType::Epsilon), "sd_v1");
        assert_eq!(version(1024, true, PredictionType::Epsilon), "sd_v2");
        assert_eq!(version(1024, true, PredictionType::VPrediction), "sd_v2_v");
        assert_eq!(version(2048, true, PredictionType::Epsilon), "sdxl_base_v1-0");
        // The demo study's model: small, built like SD 1.
        assert_eq!(version(128, false, PredictionType::VPrediction), "sd_v1_v");
        assert_eq!(version(96, true, PredictionType::Sample), "sd_v2");
    }
}
