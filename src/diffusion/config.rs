//! The JSON files beside the weights in a diffusers folder, and the refusal of what is not implemented.
//!
//! Unknown keys are allowed: every diffusers release adds some. Known keys whose value would change the
//! computation are checked by name against the values implemented here.
//! Sources: `register_to_config` of `UNet2DConditionModel` and `AutoencoderKL` (diffusers 0.42),
//! `CLIPTextConfig` (transformers 5.23).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::LoadError;

mod text;
mod unet;
mod vae;

pub use text::{Activation, TextConfig};
pub use unet::UNetConfig;
pub use vae::VaeConfig;

/// A parsed configuration file and its path, for messages.
pub(crate) struct ConfigFile<'a> {
    pub(crate) path: &'a Path,
    pub(crate) keys: Map<String, Value>,
}

impl<'a> ConfigFile<'a> {
    pub(crate) fn read(path: &'a Path) -> Result<Self, LoadError> {
        Self::parse(path, &read_text(path, 1 << 20)?)
    }

    pub(crate) fn parse(path: &'a Path, text: &str) -> Result<Self, LoadError> {
        match serde_json::from_str(text) {
            Ok(keys) => Ok(Self { path, keys }),
            Err(e) => Err(LoadError::Invalid { file: path.to_owned(), reason: e.to_string() }),
        }
    }

    /// The typed part; absent keys take the defaults of the struct.
    fn typed<T: for<'de> Deserialize<'de>>(&self) -> Result<T, LoadError> {
        serde_json::from_value(Value::Object(self.keys.clone())).map_err(|e| self.invalid(e.to_string()))
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>) -> LoadError {
        LoadError::Invalid { file: self.path.to_owned(), reason: reason.into() }
    }

    /// Refuses `key` unless it is absent, null or one of `allowed`. A list passes if all its items do.
    pub(crate) fn only(&self, key: &str, allowed: &[Value]) -> Result<(), LoadError> {
        let fits = |v: &Value| {
            v.is_null()
                || allowed.contains(v)
                || allowed.iter().any(|a| a.as_f64().is_some() && a.as_f64() == v.as_f64())
        };
        match self.keys.get(key) {
            None => Ok(()),
            Some(Value::Array(items)) if items.iter().all(fits) => Ok(()),
            Some(value) if fits(value) => Ok(()),
            Some(value) => {
                let allowed: Vec<String> = match allowed {
                    [] => vec!["null".to_owned()],
                    some => some.iter().map(Value::to_string).collect(),
                };
                Err(LoadError::Unsupported {
                    file: self.path.to_owned(),
                    key: key.to_owned(),
                    found: value.to_string(),
                    supported: format!("it must be {}", allowed.join(" or ")),
                })
            }
        }
    }

    fn all_null(&self, keys: &[&str]) -> Result<(), LoadError> {
        keys.iter().try_for_each(|key| self.only(key, &[]))
    }

    fn all_false(&self, keys: &[&str]) -> Result<(), LoadError> {
        keys.iter().try_for_each(|key| self.only(key, &[json!(false)]))
    }

    /// Refuses a size outside `1..=most`, so that a hostile file cannot ask for unbounded work.
    fn in_range(&self, key: &str, value: usize, most: usize) -> Result<(), LoadError> {
        if (1..=most).contains(&value) {
            return Ok(());
        }
        Err(self.invalid(format!("`{key}` is {value}, it must be between 1 and {most}")))
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

/// The text of a file of at most `most` bytes.
pub(super) fn read_text(file: &Path, most: u64) -> Result<String, LoadError> {
    let failed = |source| LoadError::Read { file: file.to_owned(), source };
    let length = std::fs::metadata(file).map_err(failed)?.len();
    if length > most {
        let reason = format!("{length} bytes are more than such a file has");
        return Err(LoadError::Invalid { file: file.to_owned(), reason });
    }
    std::fs::read_to_string(file).map_err(failed)
}

/// A JSON value that is either one item or a list with one item per block.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: Clone> OneOrMany<T> {
    fn per_block(self, blocks: usize, key: &str, file: &ConfigFile) -> Result<Vec<T>, LoadError> {
        match self {
            Self::One(value) => Ok(vec![value; blocks]),
            Self::Many(values) if values.len() == blocks => Ok(values),
            Self::Many(values) => Err(file.invalid(format!("`{key}` has {} values for {blocks} blocks", values.len()))),
        }
    }
}

/// Checks `model_index.json`: a Stable Diffusion 1.x or 2.x text-to-image pipeline with one text encoder.
///
/// # Errors
/// Names the pipeline or component that is not supported.
pub fn check_model_index(path: &Path) -> Result<(), LoadError> {
    let file = ConfigFile::read(path)?;
    file.only("_class_name", &[json!("StableDiffusionPipeline"), json!("StableDiffusionImg2ImgPipeline")])?;
    for key in ["text_encoder_2", "tokenizer_2", "transformer", "prior", "controlnet"] {
        if let Some(value) = file.keys.get(key)
            && !value.is_null()
            && *value != json!([null, null])
        {
            return Err(LoadError::Unsupported {
                file: path.to_owned(),
                key: key.to_owned(),
                found: value.to_string(),
                supported: "only Stable Diffusion 1.x and 2.x are implemented".to_owned(),
            });
        }
    }
    for (key, class) in [("unet", "UNet2DConditionModel"), ("vae", "AutoencoderKL"), ("text_encoder", "CLIPTextModel")]
    {
        let found = file.keys.get(key).and_then(|v| v.get(1)).cloned().unwrap_or(Value::Null);
        if found != json!(class) {
            return Err(LoadError::Unsupported {
                file: path.to_owned(),
                key: key.to_owned(),
                found: found.to_string(),
                supported: format!("it must be \"{class}\""),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_index() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model_index.json");
        let good = json!({"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "CLIPTextModel"],
            "text_encoder_2": [null, null], "image_encoder": [null, null]});
        let check = |value: &Value| {
            std::fs::write(&path, value.to_string()).unwrap();
            check_model_index(&path)
        };
        check(&good).unwrap();
        let mut bad = good.clone();
        bad["text_encoder_2"] = json!(["transformers", "CLIPTextModelWithProjection"]);
        assert!(check(&bad).unwrap_err().to_string().contains("text_encoder_2"));
        let mut bad = good.clone();
        bad["_class_name"] = json!("StableDiffusionXLPipeline");
        assert!(check(&bad).unwrap_err().to_string().contains("StableDiffusionXLPipeline"));
        let mut bad = good;
        bad["unet"] = json!(["diffusers", "UNet2DModel"]);
        assert!(check(&bad).unwrap_err().to_string().contains("UNet2DConditionModel"));
    }
}
