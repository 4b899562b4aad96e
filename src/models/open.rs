//! From a folder or a file to the parts of a model.

use std::path::Path;
use std::sync::Arc;

use super::config::{self, TextConfig, UNetConfig, VaeConfig};
use super::families::FOLDER;
use super::parts::Parts;
use super::single_file::{self, FindModel};
use super::tokenizer::{self, Tokenizer};
use crate::tensors::texts::Texts;
use crate::tensors::{LoadError, Weights};

impl Parts {
    /// Opens a diffusers folder, or a checkpoint in one file with its vocabulary beside it.
    ///
    /// # Errors
    /// Names what is missing or not supported.
    pub fn open(model: &Path) -> Result<Self, LoadError> {
        Self::open_with(model, &|_| None)
    }

    /// The same; a checkpoint in one file may also take its vocabulary from a model that `find` knows by its Hub id.
    ///
    /// # Errors
    /// Names what is missing or not supported.
    pub fn open_with(model: &Path, find: FindModel<'_>) -> Result<Self, LoadError> {
        if model.is_file() { single_file::open(model, find) } else { Self::from_folder(model) }
    }

    /// Opens a folder as diffusers' `save_pretrained` writes it.
    ///
    /// # Errors
    /// Names what is missing or not supported.
    pub fn from_folder(folder: &Path) -> Result<Self, LoadError> {
        let texts = Texts::of(folder, FOLDER.configs)?;
        let Some(index) = texts.get("model_index.json")? else {
            let wanted = "model_index.json".to_owned();
            let advice = Some("a diffusers model folder has one beside `unet`, `vae` and `text_encoder`".to_owned());
            return Err(LoadError::NotFound { folder: folder.to_owned(), wanted, advice });
        };
        config::model_index(&texts.path("model_index.json"), index)?;
        let (unet, vae, text) = ("unet/config.json", "vae/config.json", "text_encoder/config.json");
        let unet_config = UNetConfig::parse(&texts.path(unet), texts.need(unet)?)?;
        let vae_config = VaeConfig::parse(&texts.path(vae), texts.need(vae)?)?;
        let text_config = TextConfig::parse(&texts.path(text), texts.need(text)?)?;
        let scheduler = "scheduler/scheduler_config.json";
        let (process, mut warnings) = config::scheduler::process(texts.need(scheduler)?)
            .map_err(|e| LoadError::Invalid { file: texts.path(scheduler), reason: e.to_string() })?;
        warnings.extend(config::unread(unet, texts.need(unet)?, &config::UNET_KEYS));
        warnings.extend(config::unread(vae, texts.need(vae)?, &[&config::VAE_KEYS]));
        let words = tokenizer::texts(&folder.join("tokenizer"))?;
        let tokenizer = Tokenizer::from_texts(&words)?;
        warnings.extend(tokenizer.warnings().iter().cloned());
        let hashes = texts.hashes("").chain(words.hashes("tokenizer/"));
        Ok(Self {
            source: folder.to_owned(),
            unet: (unet_config, Weights::open_folder(&folder.join("unet"), "diffusion_pytorch_model")?),
            vae: (vae_config, Weights::open_folder(&folder.join("vae"), "diffusion_pytorch_model")?),
            text_encoder: (text_config, Weights::open_folder(&folder.join("text_encoder"), "model")?),
            texts: hashes.filter(|(name, _)| tokenizer.depends_on(name)).collect(),
            tokenizer: Arc::new(tokenizer),
            process,
            warnings,
        })
    }
}
