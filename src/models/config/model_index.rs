//! `model_index.json`: which pipeline and which components a diffusers folder has.

use std::path::Path;

use serde_json::{Value, json};

use super::file::ConfigFile;
use super::scheduler::SchedulerClass;
use crate::choice::Sampler;
use crate::models::families::{Family, PromptRules};
use crate::tensors::fields::shown;
use crate::tensors::texts::small_text;
use crate::tensors::{LoadError, ModelFolder};

/// What can be used, for messages.
const ONLY: &str = "only text-to-image models of Stable Diffusion 1.x, 2.x and XL are implemented";

/// Parts of the names of other pipelines, and what their models are. The first that is found counts.
const OTHERS: [(&str, &str); 40] = [
    ("Inpaint", "an inpainting model"),
    ("Video", "a video model"),
    ("AnimateDiff", "a video model"),
    ("I2VGen", "a video model"),
    ("PIAPipeline", "a video model"),
    ("CogVideo", "a video model"),
    ("ConsisID", "a video model"),
    ("Wan", "a video model"),
    ("LTX", "a video model"),
    ("Mochi", "a video model"),
    ("Allegro", "a video model"),
    ("Latte", "a video model"),
    ("Cosmos", "a video model"),
    ("SkyReels", "a video model"),
    ("EasyAnimate", "a video model"),
    ("Audio", "a model of sounds"),
    ("Upscale", "an upscaling model"),
    ("Pix2Pix", "a model that edits images"),
    ("Depth2Img", "a model that wants depth maps"),
    ("ControlNet", "a model with a ControlNet"),
    ("UnCLIP", "an unCLIP model"),
    ("LatentConsistency", "a latent consistency model, whose network is told the guidance scale"),
    ("StableDiffusion3", "Stable Diffusion 3"),
    ("Flux2", "FLUX.2"),
    ("Flux", "a FLUX model"),
    ("Chroma", "a Chroma model"),
    ("ZImage", "a Z-Image model"),
    ("QwenImage", "a Qwen-Image model"),
    ("StableCascade", "Stable Cascade"),
    ("Wuerstchen", "a Würstchen model"),
    ("Kandinsky", "a Kandinsky model"),
    ("Kolors", "a Kolors model"),
    ("PixArt", "a PixArt model"),
    ("Sana", "a Sana model"),
    ("Hunyuan", "a Hunyuan model"),
    ("AuraFlow", "an AuraFlow model"),
    ("Lumina", "a Lumina model"),
    ("CogView", "a CogView model"),
    ("HiDream", "a HiDream model"),
    ("IFPipeline", "a DeepFloyd IF model"),
];

/// Components that make a model another one, where a family does not have them.
const FOREIGN: [&str; 5] = ["text_encoder_2", "tokenizer_2", "transformer", "prior", "controlnet"];

/// Checks `model_index.json`: a text-to-image pipeline of Stable Diffusion 1.x, 2.x or XL.
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
    /// What draws images where nobody names a sampler.
    pub(crate) sampler: Sampler,
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
        let name = class.as_str().unwrap_or_default();
        let what = OTHERS.iter().find(|(part, _)| name.contains(part));
        let what = what.map(|(_, what)| format!("this is {what}; ")).unwrap_or_default();
        return refuse(
            "_class_name",
            shown(&class),
            format!("{what}{ONLY}: StableDiffusionPipeline, StableDiffusionXLPipeline"),
        );
    };
    let folder = data.folder;
    if file.fields.get("requires_aesthetics_score") == Some(&json!(true)) {
        let refiner = "this is a refiner, which finishes the images of another model; take the base model";
        return refuse("requires_aesthetics_score", "true".to_owned(), refiner.to_owned());
    }
    let own = |key: &str| folder.parts.iter().any(|part| part.folder == key || part.tokenizer == Some(key));
    for key in FOREIGN.into_iter().filter(|key| !own(key)) {
        if let Some(value) = file.fields.some(key)
            && *value != json!([null, null])
        {
            return refuse(key, shown(value), ONLY.to_owned());
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
    let mut sampler = None;
    if let Some(scheduler) = component("scheduler").as_str() {
        let class: SchedulerClass =
            scheduler.parse().map_err(|reason| file.invalid(format!("`scheduler`: {reason}")))?;
        sampler = class.sampler;
    }
    let mut prompts = data.prompts;
    // Pipelines of families without this rule do not look at the key.
    if prompts.zeros_if_empty {
        prompts.zeros_if_empty = file.good(file.fields.flag("force_zeros_for_empty_prompt", true))?;
    }
    Ok(ModelIndex { folder, prompts, sampler: data.sampler.of(sampler) })
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
        assert_eq!(check(&good).unwrap().sampler, Sampler::DpmPp2m, "no scheduler is named");
        let mut other = good.clone();
        other["scheduler"] = json!(["diffusers", "PNDMScheduler"]);
        assert_eq!(check(&other).unwrap().sampler, Sampler::DpmPp2m, "whatever the scheduler is");
        let mut bad = good.clone();
        bad["text_encoder_2"] = json!(["transformers", "CLIPTextModelWithProjection"]);
        assert!(check(&bad).unwrap_err().to_string().contains("text_encoder_2"));
        let mut bad = good.clone();
        bad["_class_name"] = json!("StableDiffusionXLPipeline");
        assert!(check(&bad).unwrap_err().to_string().contains("CLIPTextModelWithProjection"), "no second text encoder");
        for (class, said) in [
            ("StableDiffusionXLInpaintPipeline", "an inpainting model"),
            ("StableVideoDiffusionPipeline", "a video model"),
            ("TextToVideoSDPipeline", "a video model"),
            ("StableDiffusion3Pipeline", "Stable Diffusion 3"),
            ("KolorsPipeline", "StableDiffusionXLPipeline"),
        ] {
            bad["_class_name"] = json!(class);
            let message = check(&bad).unwrap_err().to_string();
            assert!(message.contains(class) && message.contains(said), "{message}");
        }
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
    #[test]
    fn sdxl_says_what_becomes_of_an_empty_prompt() {
        let path = Path::new("model_index.json");
        let clip = |class: &str| json!(["transformers", class]);
        let good = json!({"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"], "text_encoder": clip("CLIPTextModel"),
            "text_encoder_2": clip("CLIPTextModelWithProjection"), "tokenizer": clip("CLIPTokenizer"),
            "tokenizer_2": clip("CLIPTokenizer"), "scheduler": ["diffusers", "EulerDiscreteScheduler"],
            "image_encoder": [null, null]});
        let check = |value: &Value| model_index(path, &value.to_string());
        let index = check(&good).unwrap();
        assert_eq!(index.folder.parts.last().unwrap().folder, "text_encoder_2");
        assert!(index.prompts.zeros_if_empty);
        assert_eq!(index.sampler, Sampler::Euler);
        let mut other = good.clone();
        for (class, sampler) in [("EulerAncestralDiscrete", Sampler::EulerA), ("TCD", Sampler::Euler)] {
            other["scheduler"] = json!(["diffusers", format!("{class}Scheduler")]);
            assert_eq!(check(&other).unwrap().sampler, sampler);
        }
        let mut other = good.clone();
        other["force_zeros_for_empty_prompt"] = json!(false);
        assert!(!check(&other).unwrap().prompts.zeros_if_empty);
        other["force_zeros_for_empty_prompt"] = json!("no");
        assert!(check(&other).unwrap_err().to_string().contains("force_zeros_for_empty_prompt"));
        let refiner = json!({"_class_name": "StableDiffusionXLImg2ImgPipeline", "requires_aesthetics_score": true,
            "text_encoder": [null, null], "text_encoder_2": clip("CLIPTextModelWithProjection")});
        assert!(check(&refiner).unwrap_err().to_string().contains("a refiner"));
    }
}
