//! From a folder or a file to the parts of a model.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::about::About;
use super::config::{self, ModelIndex};
use super::elsewhere::Elsewhere;
use super::network::Network;
use super::part::Part;
use super::parts::Parts;
use super::single_file;
use super::tokenizer;
use crate::files::instead;
use crate::tensors::texts::Texts;
use crate::tensors::{LoadError, ModelFolder, ModelPart, Weights};

impl Parts {
    /// Opens a diffusers folder, or a checkpoint in one file with its vocabulary beside it.
    ///
    /// # Errors
    /// Names what is missing or not supported.
    pub fn open(model: &Path) -> Result<Self, LoadError> {
        Self::open_with(model, &Elsewhere::default())
    }

    /// The same with some parts from elsewhere.
    ///
    /// # Errors
    /// Names what is missing or not supported.
    pub fn open_with(model: &Path, elsewhere: &Elsewhere<'_>) -> Result<Self, LoadError> {
        if model.is_file() {
            return single_file::open(model, elsewhere);
        }
        let mut parts = Self::from_folder(model)?;
        let own_vae = parts.parts.iter().find_map(|part| part.network.vae().cloned());
        for part in &mut parts.parts {
            let Some(taken) = elsewhere.part(part.data, &part.network, own_vae.as_ref())? else { continue };
            // What was read of the model's own part does not count any more.
            let replaced = [Some(part.data.folder), part.data.tokenizer];
            let own = |name: &str| replaced.contains(&name.split_once('/').map(|(folder, _)| folder));
            parts.texts.retain(|name, _| !own(name));
            parts.texts.extend(taken.texts);
            parts.warnings.extend(taken.warnings);
            *part = taken.part;
        }
        Ok(parts)
    }

    /// Opens a folder as diffusers' `save_pretrained` writes it.
    ///
    /// # Errors
    /// Names what is missing or not supported.
    fn from_folder(folder: &Path) -> Result<Self, LoadError> {
        let index = Texts::of(folder, &[ModelFolder::INDEX])?;
        let Some(text) = index.get(ModelFolder::INDEX)? else {
            let wanted = ModelFolder::INDEX.to_owned();
            let usual = || "a diffusers model folder has one beside `unet`, `vae` and `text_encoder`".to_owned();
            let advice = instead(folder, &[ModelFolder::INDEX], true).unwrap_or_else(usual);
            return Err(LoadError::NotFound { folder: folder.to_owned(), wanted, advice: Some(advice) });
        };
        let ModelIndex { folder: layout, prompts, sampler } =
            config::model_index(&index.path(ModelFolder::INDEX), text)?;
        let texts = Texts::of(folder, &layout.configs())?;
        let config = |data: &ModelPart| {
            let name = data.config();
            Network::parse(data.class, &texts.path(&name), texts.need(&name)?)
        };
        let networks = layout.parts.iter().map(config).collect::<Result<Vec<_>, _>>()?;
        let scheduler = ModelFolder::SCHEDULER;
        let (process, mut warnings) = config::scheduler::process(texts.need(scheduler)?)
            .map_err(|e| LoadError::Invalid { file: texts.path(scheduler), reason: e.to_string() })?;
        for (network, data) in networks.iter().zip(layout.parts) {
            warnings.extend(network.unread(&data.config(), texts.need(&data.config())?));
        }
        let mut hashes: BTreeMap<_, _> = texts.hashes("").collect();
        let mut tokenizers = Vec::new();
        for data in layout.parts {
            let of = |name: &str| tokenizer::open(&folder.join(name), name, &mut hashes).map(Arc::new);
            tokenizers.push(data.tokenizer.map(of).transpose()?);
        }
        warnings.extend(tokenizers.iter().flatten().flat_map(|tokenizer| tokenizer.warnings().iter().cloned()));
        let mut parts = Vec::new();
        for ((data, network), tokenizer) in layout.parts.iter().zip(networks).zip(tokenizers) {
            let weights = Weights::open_folder(&folder.join(data.folder), data.stem)?;
            parts.push(Part { data: *data, network, weights, tokenizer });
        }
        Ok(Self {
            source: folder.to_owned(),
            folder: layout,
            parts,
            prompts,
            process: process.usually(sampler),
            texts: hashes,
            warnings,
            about: About::of_folder(),
        })
    }
}
