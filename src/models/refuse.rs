//! What a folder's configurations say against a model, before its weights are there.

use std::path::Path;

use serde::de::IgnoredAny;

use super::channels;
use super::config;
use super::network::Network;
use crate::tensors::texts::small_text;
use crate::tensors::{LoadError, ModelFolder};

/// Why the model in a folder cannot be used, as far as the configurations say so that are there: a model of another
/// family or for another use than drawing from prompts. A file that is not there, or is no JSON, says nothing; so does
/// a folder without `model_index.json`.
#[must_use]
pub fn refusal(folder: &Path) -> Option<String> {
    check(folder).err().map(|error| error.to_string())
}

fn check(folder: &Path) -> Result<(), LoadError> {
    // A torn file is a matter of the download.
    let text = |name: &str| {
        let text = small_text(&folder.join(name)).ok()?;
        serde_json::from_str::<IgnoredAny>(&text).is_ok().then_some(text)
    };
    let Some(index) = text(ModelFolder::INDEX) else { return Ok(()) };
    // Messages name the file as the repository does.
    let layout = config::model_index(Path::new(ModelFolder::INDEX), &index)?.folder;
    let mut networks = Vec::new();
    for part in layout.parts {
        if let Some(text) = text(&part.config()) {
            networks.push(Network::parse(part.class, Path::new(&part.config()), &text)?);
        }
    }
    let denoiser = networks.iter().find_map(Network::denoiser);
    let vae = networks.iter().find_map(Network::vae);
    if let (Some(denoiser), Some(vae)) = (denoiser, vae)
        && let Some(reason) = channels::refusal(denoiser.in_channels, vae.latent_channels)
    {
        let file = layout.parts.first().map(|part| part.config()).unwrap_or_default();
        return Err(LoadError::Invalid { file: file.into(), reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(files: &[(&str, &str)]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        refusal(folder.path())
    }

    const INDEX: &str = r#"{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "CLIPTextModel"]}"#;

    #[test]
    fn what_is_not_there_says_nothing() {
        assert_eq!(refused(&[]), None);
        assert_eq!(refused(&[("model_index.json", "half of a fi")]), None);
        assert_eq!(refused(&[("model_index.json", INDEX)]), None);
        assert_eq!(refused(&[("model_index.json", INDEX), ("unet/config.json", "{")]), None);
        assert_eq!(
            refused(&[("model_index.json", INDEX), ("unet/config.json", "{}"), ("vae/config.json", "{}")]),
            None
        );
    }

    #[test]
    fn other_models_are_called_by_their_names() {
        let flux = refused(&[("model_index.json", r#"{"_class_name": "FluxPipeline"}"#)]).unwrap();
        assert!(flux.starts_with("model_index.json: `_class_name`") && flux.contains("this is a FLUX model"), "{flux}");
        let unet = ("unet/config.json", r#"{"in_channels": 9}"#);
        let inpainting = refused(&[("model_index.json", INDEX), unet, ("vae/config.json", "{}")]).unwrap();
        assert!(inpainting.contains("9 channels, not 4, so it is an inpainting model"), "{inpainting}");
        let lcm = ("unet/config.json", r#"{"time_cond_proj_dim": 256}"#);
        let lcm = refused(&[("model_index.json", INDEX), lcm]).unwrap();
        assert!(lcm.contains("unet/config.json") && lcm.contains("time_cond_proj_dim"), "{lcm}");
    }
}
