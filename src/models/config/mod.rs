//! The JSON files beside the weights in a diffusers folder, and the refusal of what is not implemented.
//!
//! Known keys whose value would change the computation are checked by name against the values implemented here. Keys
//! that nobody knows are allowed, because every diffusers release adds some, but they are told (`unread`).
//! Sources: `register_to_config` of `UNet2DConditionModel` and `AutoencoderKL` (diffusers 0.42),
//! `CLIPTextConfig` (transformers 5.23).

use std::path::Path;

use serde_json::{Value, json};

use crate::tensors::LoadError;
use crate::tensors::fields::{FieldError, Fields, OneOrMany, shown};
use crate::tensors::texts::small_text;
use scheduler::SchedulerClass;

pub mod scheduler;
mod text;
mod unet;
mod vae;

pub use text::{Activation, TextConfig};
pub(crate) use unet::KNOWN as UNET_KEYS;
pub use unet::UNetConfig;
pub(crate) use vae::KNOWN as VAE_KEYS;
pub use vae::VaeConfig;

/// A parsed configuration file and its path, for messages.
pub(crate) struct ConfigFile<'a> {
    path: &'a Path,
    pub(in crate::models) fields: Fields,
}

impl<'a> ConfigFile<'a> {
    fn read(path: &'a Path) -> Result<Self, LoadError> {
        Self::parse(path, &small_text(path)?)
    }

    pub(in crate::models) fn parse(path: &'a Path, text: &str) -> Result<Self, LoadError> {
        let invalid = |reason| LoadError::Invalid { file: path.to_owned(), reason };
        Ok(Self { path, fields: Fields::parse(text).map_err(invalid)? })
    }

    pub(in crate::models) fn invalid(&self, reason: impl Into<String>) -> LoadError {
        LoadError::Invalid { file: self.path.to_owned(), reason: reason.into() }
    }

    /// The value of a field, or what is wrong with it.
    pub(in crate::models) fn good<T>(&self, value: Result<T, FieldError>) -> Result<T, LoadError> {
        value.map_err(|FieldError { key, found, wanted }| LoadError::Unsupported {
            file: self.path.to_owned(),
            key,
            found,
            supported: wanted,
        })
    }

    /// Refuses `key` unless it is absent or one of `allowed`. A list passes if all its items do.
    pub(in crate::models) fn only(&self, key: &str, allowed: &[Value]) -> Result<(), LoadError> {
        let fits =
            |v: &Value| allowed.contains(v) || allowed.iter().any(|a| a.as_f64().is_some() && a.as_f64() == v.as_f64());
        match self.fields.get(key) {
            None => Ok(()),
            Some(Value::Array(items)) if items.iter().all(fits) => Ok(()),
            Some(value) if fits(value) => Ok(()),
            Some(_) => {
                let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
                self.good(Err(self.fields.error(key, format!("it must be {}", allowed.join(" or ")))))
            }
        }
    }

    pub(in crate::models) fn all_null(&self, keys: &[&str]) -> Result<(), LoadError> {
        keys.iter().try_for_each(|key| self.only(key, &[Value::Null]))
    }

    fn all_false(&self, keys: &[&str]) -> Result<(), LoadError> {
        keys.iter().try_for_each(|key| self.only(key, &[json!(false), Value::Null]))
    }

    /// Refuses a size outside `1..=most`, so that a hostile file cannot ask for unbounded work.
    pub(in crate::models) fn in_range(&self, key: &str, value: usize, most: usize) -> Result<(), LoadError> {
        if (1..=most).contains(&value) {
            return Ok(());
        }
        Err(self.invalid(format!("`{key}` is {value}, it must be between 1 and {most}")))
    }

    /// A number above 0, such as an epsilon.
    pub(in crate::models) fn positive(&self, key: &str, default: f64) -> Result<f64, LoadError> {
        let value = self.good(self.fields.number(key, default))?;
        if value > 0.0 && value < 1e9 {
            Ok(value)
        } else {
            self.good(Err(self.fields.error(key, "it must be above 0")))
        }
    }

    /// The channel widths must be even multiples of the group size.
    fn channels(&self, widths: &[usize], groups: usize) -> Result<(), LoadError> {
        self.in_range("block_out_channels (its length)", widths.len(), 8)?;
        self.in_range("norm_num_groups", groups, 1024)?;
        for width in widths {
            self.in_range("block_out_channels", *width, 1 << 14)?;
            if !width.is_multiple_of(groups) {
                return Err(self.invalid(format!("{width} channels cannot be split into {groups} norm groups")));
            }
        }
        Ok(())
    }
}

/// The keys of a UNet's or VAE's configuration that this program does not know, as warnings; `name` is the file's.
pub(crate) fn unread(name: &str, text: &str, known: &[&[&str]]) -> Vec<String> {
    let Ok(fields) = Fields::parse(text) else { return Vec::new() };
    let keys: Vec<String> = fields.unknown(known).iter().map(|key| format!("`{key}`")).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let (word, is) = if keys.len() == 1 { ("key", "is") } else { ("keys", "are") };
    vec![format!("{name} of the model has the {word} {}, which {is} not known here and not used.", keys.join(", "))]
}

/// Checks `model_index.json`: a Stable Diffusion 1.x or 2.x text-to-image pipeline with one text encoder.
///
/// # Errors
/// Names the pipeline or component that is not supported.
pub fn check_model_index(path: &Path) -> Result<(), LoadError> {
    model_index(path, &small_text(path)?)
}

/// The same from text; `path` is for messages.
pub(crate) fn model_index(path: &Path, text: &str) -> Result<(), LoadError> {
    let file = ConfigFile::parse(path, text)?;
    let refuse = |key: &str, found: String, supported: String| {
        Err(LoadError::Unsupported { file: path.to_owned(), key: key.to_owned(), found, supported })
    };
    let pipelines = ["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"];
    let class = file.fields.get("_class_name").cloned().unwrap_or(Value::Null);
    if !pipelines.iter().any(|name| class == json!(name)) {
        let only = "only text-to-image models of Stable Diffusion 1.x and 2.x are implemented: StableDiffusionPipeline";
        return refuse("_class_name", shown(&class), only.to_owned());
    }
    for key in ["text_encoder_2", "tokenizer_2", "transformer", "prior", "controlnet"] {
        if let Some(value) = file.fields.some(key)
            && *value != json!([null, null])
        {
            return refuse(key, shown(value), "only Stable Diffusion 1.x and 2.x are implemented".to_owned());
        }
    }
    let component = |key: &str| file.fields.get(key).and_then(|v| v.get(1)).cloned().unwrap_or(Value::Null);
    for (key, class) in [("unet", "UNet2DConditionModel"), ("vae", "AutoencoderKL"), ("text_encoder", "CLIPTextModel")]
    {
        let found = component(key);
        if found != json!(class) {
            return refuse(key, shown(&found), format!("it must be \"{class}\""));
        }
    }
    let tokenizer = component("tokenizer");
    if !tokenizer.is_null() && !["CLIPTokenizer", "CLIPTokenizerFast"].iter().any(|class| tokenizer == json!(class)) {
        return refuse("tokenizer", shown(&tokenizer), "it must be \"CLIPTokenizer\"".to_owned());
    }
    if let Some(scheduler) = component("scheduler").as_str() {
        scheduler.parse::<SchedulerClass>().map_err(|reason| file.invalid(format!("`scheduler`: {reason}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_told() {
        let told = unread("unet/config.json", r#"{"a": 1, "b": 2, "c": null, "_d": 1}"#, &[&["a"]]);
        assert_eq!(told, ["unet/config.json of the model has the key `b`, which is not known here and not used."]);
    }

    #[test]
    fn other_pipelines_are_refused() {
        let path = Path::new("model_index.json");
        let good = json!({"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "CLIPTextModel"],
            "text_encoder_2": [null, null], "image_encoder": [null, null]});
        let check = |value: &Value| model_index(path, &value.to_string());
        check(&good).unwrap();
        let mut bad = good.clone();
        bad["text_encoder_2"] = json!(["transformers", "CLIPTextModelWithProjection"]);
        assert!(check(&bad).unwrap_err().to_string().contains("text_encoder_2"));
        let mut bad = good.clone();
        bad["_class_name"] = json!("StableDiffusionXLPipeline");
        assert!(check(&bad).unwrap_err().to_string().contains("StableDiffusionXLPipeline"));
        let mut bad = good.clone();
        bad["scheduler"] = json!(["diffusers", "FlowMatchEulerDiscreteScheduler"]);
        assert!(check(&bad).unwrap_err().to_string().contains("FlowMatchEulerDiscreteScheduler"));
        let mut bad = good.clone();
        bad["tokenizer"] = json!(["transformers", "T5Tokenizer"]);
        assert!(check(&bad).unwrap_err().to_string().contains("T5Tokenizer"));
        let mut bad = good;
        bad["unet"] = json!(["diffusers", "UNet2DModel"]);
        assert!(check(&bad).unwrap_err().to_string().contains("UNet2DConditionModel"));
    }
}
