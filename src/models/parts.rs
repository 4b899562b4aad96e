//! The parts of a model before its weights are loaded: checked, hashed, then loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::about::About;
use super::adaptable::AdaptableLayer;
use super::families::PromptRules;
use super::fit::fit;
use super::model::Model;
use super::network::{Loaded, Network};
use super::part::Part;
use super::prompt_encoder::{PromptEncoder, TextEncoder};
use super::summary::ModelSummary;
use super::tokenizer::{self, Tokenizer};
use crate::hashing::HashedFile;
use crate::kernels::Storage;
use crate::sampling::process::Process;
use crate::tensors::{LoadError, ModelFolder, ModelPart};

/// The parts of a model with their weights still on disk, from a diffusers folder or another kind of file.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What the parts came from, for messages.
    pub source: PathBuf,
    /// The kind of diffusers folder that the model has, or would have.
    pub folder: &'static ModelFolder,
    /// The networks, in the order of the folder's parts.
    pub parts: Vec<Part>,
    /// What prompts become.
    pub prompts: PromptRules,
    /// How latents become noise, and what the denoiser predicts.
    pub process: Process,
    /// Hash of each text that was read, by its name in a diffusers folder: configurations and vocabulary.
    pub texts: BTreeMap<String, blake3::Hash>,
    /// What the user should know of the model's configurations, each a plain sentence.
    pub warnings: Vec<String>,
    /// What the files are, for [`about`](Self::about).
    pub about: About,
}

impl Parts {
    /// What the model is, in one line.
    #[must_use]
    pub fn about(&self) -> String {
        let own = |part: &Part| part.weights.files().all(|file| file.starts_with(&self.source));
        self.about.line(&self.parts, &self.process, &own)
    }

    /// The part with that folder, e.g. `unet`.
    #[must_use]
    pub fn part(&self, folder: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.data.folder == folder)
    }

    /// The tokenizer of the first text encoder.
    #[must_use]
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        self.parts.iter().find_map(|part| part.tokenizer.as_deref())
    }

    /// The hashes of the texts that results depend on, in the order in which they count for the model's hash: the
    /// scheduler's, those of the parts, and each tokenizer's files. A model whose empty negative prompts become zeros
    /// has one hash more.
    pub fn text_hashes(&self) -> impl Iterator<Item = blake3::Hash> {
        let scheduler = std::iter::once(ModelFolder::SCHEDULER.to_owned());
        let configs = self.folder.parts.iter().map(ModelPart::config);
        let files = |folder| tokenizer::NAMES.iter().map(move |name| format!("{folder}/{name}"));
        let names = scheduler.chain(configs).chain(self.folder.tokenizers().flat_map(files));
        let zeros = self.prompts.zeros_if_empty.then(|| blake3::hash(b"force_zeros_for_empty_prompt"));
        names.filter_map(|name| self.texts.get(&name).copied()).chain(zeros)
    }

    /// The files with tensors, in the order of the parts. A file that holds several parts is named once.
    #[must_use]
    pub fn weight_files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            self.parts.iter().flat_map(|part| part.weights.files().map(Path::to_owned)).collect();
        files.dedup();
        files
    }

    /// The networks, in the order of the parts.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.parts.iter().map(|part| &part.network)
    }

    /// From now on nothing but what was hashed is loaded; `files` has a hashed file for each of the
    /// [`weight_files`](Self::weight_files).
    pub fn seal(&mut self, files: &BTreeMap<PathBuf, Arc<HashedFile>>) {
        for part in &mut self.parts {
            part.weights.seal(files);
        }
    }

    /// Checks that every tensor is there and that the parts fit together. Reads headers only: this takes milliseconds
    /// and no memory for weights.
    ///
    /// # Errors
    /// Names the file and the key, or every tensor that is missing, superfluous or of the wrong shape.
    pub fn check(&self) -> Result<ModelSummary, LoadError> {
        let fit = fit(&self.parts).map_err(|reason| self.invalid(reason))?;
        let (mut part_parameters, mut adaptable_layers) = (Vec::new(), Vec::new());
        for part in &self.parts {
            let checked = part.network.check(&part.weights)?;
            part_parameters.push((part.data.folder, checked.parameters));
            // The denoiser's layers have no prefix, those of a text encoder have its folder's name.
            let layers = checked.adaptable_layers.into_iter();
            adaptable_layers.extend(layers.map(|layer| match part.network.text_encoder() {
                Some(_) => AdaptableLayer { name: format!("{}.{}", part.data.folder, layer.name), ..layer },
                None => layer,
            }));
        }
        Ok(ModelSummary {
            latent_channels: fit.vae.latent_channels,
            vae_scale_factor: fit.vae.scale(),
            native_size: fit.denoiser.native_size * fit.vae.scale(),
            unet_multiple: fit.vae.scale() * fit.denoiser.multiple,
            prediction_type: self.process.prediction_type(),
            cross_attention_dim: fit.denoiser.context,
            text_states: self.prompts.states,
            most_clip_skip: self.prompts.most_clip_skip(fit.text_layers),
            part_parameters,
            process: self.process.clone(),
            adaptable_layers,
        })
    }

    /// Loads the denoiser onto `device`, its weights stored as `storage` says (a dtype will do: f32, bf16 or f16). The
    /// other parts are loaded when they are used.
    ///
    /// # Errors
    /// Everything [`check`](Self::check) finds, and a device without room.
    pub fn load(self, device: &Device, storage: impl Into<Storage>) -> Result<Model, LoadError> {
        self.check()?;
        self.load_checked(device, storage)
    }

    /// The same for parts that were [checked](Self::check). Headers that are no longer those that were checked are
    /// noticed if the parts are [sealed](Self::seal).
    ///
    /// # Errors
    /// A file that changed or cannot be read any more, a device without room.
    pub fn load_checked(self, device: &Device, storage: impl Into<Storage>) -> Result<Model, LoadError> {
        let storage = storage.into();
        let missing = |what: &str| self.invalid(format!("the model has no {what}"));
        let (no_denoiser, no_vae) = (missing("denoiser"), missing("autoencoder"));
        let (mut denoiser, mut vae, mut encoders) = (None, None, Vec::new());
        for part in self.parts {
            match part.network.load(part.weights, device, storage)? {
                Loaded::Denoiser(loaded) => denoiser = Some(loaded),
                Loaded::Vae(config, loaded) => vae = Some((config, loaded)),
                Loaded::TextEncoder(network) => {
                    let name = part.data.folder;
                    encoders.extend(part.tokenizer.map(|tokenizer| TextEncoder { name, tokenizer, network }));
                }
            }
        }
        let (vae_config, vae) = vae.ok_or(no_vae)?;
        Ok(Model {
            prompts: PromptEncoder { encoders, rules: self.prompts },
            denoiser: denoiser.ok_or(no_denoiser)?,
            vae,
            vae_config,
            process: self.process,
            device: device.clone(),
            dtype: storage.dtype,
        })
    }

    fn invalid(&self, reason: String) -> LoadError {
        LoadError::Invalid { file: self.source.clone(), reason }
    }
}
