//! `model_index.json`: which pipeline and which components a diffusers folder has.

use std::path::Path;

use serde_json::{Value, json};

use super::file::ConfigFile;
use super::scheduler::SchedulerClass;
use crate::models::families::{Family, PromptRules};
use crate::tensors::fields::shown;
use crate::tensors::texts::small_text;
use crate::tensors::{LoadError, ModelFolder};

/// Components that make a model another one, where a family does not have them.
const FOREIGN: [&str; 5] = ["text_encoder_2", "tokenizer_2", "transformer", "prior", "controlnet"];

/// Checks `model_index.json`: a Stable Diffusion 1.x or 2.x text-to-image pipeline with one text encoder.
///
/// # Errors
/// Names the pipeline or component that is not supported.
pub fn check_model_index(path: &Path) -> Result<(), LoadError> {
    model_index(path, &small_text(path)?).map(|_| ())
}

/// What `model_index.json` says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelIndex {
    /// The files of the folder.
    pub(crate) folder: &'static ModelFolder,
    /// What prompts become.
    pub(crate) prompts: PromptRules,
}

/// The files of the folder and what prompts become, from the index's text; `path` is for messages.
///
/// # Errors
/// As [`check_model_index`].
pub(crate) fn model_index(path: &Path, text: &str) -> Result<ModelIndex, LoadError> {
    let file = ConfigFile::parse(path, text)?;
    let refuse = |key: &str, found: String, supported: String| {
        Err(LoadError::Unsupported { file: path.to_owned(), key: key.to_owned(), found, supported })
    };
    let class = file.fields.get("_class_name").cloned().unwrap_or(Value::Null);
    let has_class = |folder: &ModelFolder| folder.pipelines.iter().any(|name| class == json!(name));
    let Some(data) = Family::ALL.into_iter().map(Family::data).find(|data| has_class(data.folder)) else {
        let only = "only text-to-image models of Stable Diffusion 1.x and 2.x are implemented: StableDiffusionPipeline";
        return refuse("_class_name", shown(&class), only.to_owned());
    };
    let folder = data.folder;
    let own = |key: &str| folder.parts.iter().any(|part| part.folder == key || part.tokenizer == Some(key));
    for key in FOREIGN.into_iter().filter(|key| !own(key)) {
        if let Some(value) = file.fields.some(key)
            && *value != json!([null, null])
        {
            return refuse(key, shown(value), "only Stable Diffusion 1.x and 2.x are implemented".to_owned());
        }
    }
    let component = |key: &str| file.fields.get(key).and_then(|v| v.get(1)).cloned().unwrap_or(Value::Null);
    for part in folder.parts {
        let found = component(part.folder);
        if found != json!(part.class) {
            return refuse(part.folder, shown(&found), format!("it must be \"{}\"", part.class));
        }
    }
    for name in folder.tokenizers() {
        let found = component(name);
        if !found.is_null() && !["CLIPTokenizer", "CLIPTokenizerFast"].iter().any(|class| found == json!(class)) {
            return refuse(name, shown(&found), "it must be \"CLIPTokenizer\"".to_owned());
        }
    }
    if let Some(scheduler) = component("scheduler").as_str() {
        scheduler.parse::<SchedulerClass>().map_err(|reason| file.invalid(format!("`scheduler`: {reason}")))?;
    }
    let mut prompts = data.prompts;
    // Pipelines of families without this rule do not look at the key.
    if prompts.zeros_if_empty {
        prompts.zeros_if_empty = file.good(file.fields.flag("force_zeros_for_empty_prompt", true))?;
    }
    Ok(ModelIndex { folder, prompts })
}

#[cfg(test)]
mod tests {
    use super::*;

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
