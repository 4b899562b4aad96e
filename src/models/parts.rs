//! The parts of a model before its weights are loaded: checked, hashed, then loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::adaptable::AdaptableLayer;
use super::config::{TextConfig, UNetConfig, VaeConfig};
use super::families::HASHED_TEXTS;
use super::layers::{build, check};
use super::model::Model;
use super::on_demand::OnDemand;
use super::text_encoder::ClipTextModel;
use super::tokenizer::{PROMPT_TOKENS, Tokenizer};
use super::unet::UNet2DConditionModel;
use super::vae::AutoencoderKl;
use crate::hashing::HashedFile;
use crate::kernels::Storage;
use crate::sampling::process::Process;
use crate::sampling::schedule::PredictionType;
use crate::tensors::{LoadError, Weights};

/// What can be said about a model without loading its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSummary {
    /// Channels of the latents, 4.
    pub latent_channels: usize,
    /// Pixels per latent, 8.
    pub vae_scale_factor: usize,
    /// Width and height in pixels of the images the model was trained on, e.g. 512.
    pub native_size: usize,
    /// Width and height of images must be multiples of this many pixels: `vae_scale_factor` times the UNet's
    /// downsampling.
    pub unet_multiple: usize,
    /// What the denoiser predicts.
    pub prediction_type: PredictionType,
    /// Width of the text encoder's output.
    pub cross_attention_dim: usize,
    /// Numbers in the UNet's tensors.
    pub unet_parameters: u64,
    /// Numbers in the text encoder's tensors.
    pub text_encoder_parameters: u64,
    /// Numbers in the VAE's tensors.
    pub vae_parameters: u64,
    /// How latents become noise; samplers are laid out on it.
    pub process: Process,
    /// The layers an adapter can change, sorted by name.
    pub adaptable_layers: Vec<AdaptableLayer>,
}

impl ModelSummary {
    /// Numbers in all tensors together.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.unet_parameters + self.text_encoder_parameters + self.vae_parameters
    }
}

/// The parts of a model with their weights still on disk, from a diffusers folder or another kind of file.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What the parts came from, for messages.
    pub source: PathBuf,
    /// The denoiser.
    pub unet: (UNetConfig, Weights),
    /// The autoencoder.
    pub vae: (VaeConfig, Weights),
    /// The text encoder.
    pub text_encoder: (TextConfig, Weights),
    /// Prompt → token ids.
    pub tokenizer: Arc<Tokenizer>,
    /// How latents become noise, and what the denoiser predicts.
    pub process: Process,
    /// Hash of each text that was read, by its name in a diffusers folder: configurations and vocabulary.
    pub texts: BTreeMap<String, blake3::Hash>,
    /// What the user should know of the model's configurations, each a plain sentence.
    pub warnings: Vec<String>,
}

impl Parts {
    /// The hashes of the texts that results depend on, in the order in which they count for the model's hash.
    pub fn text_hashes(&self) -> impl Iterator<Item = &blake3::Hash> {
        HASHED_TEXTS.iter().filter_map(|name| self.texts.get(*name))
    }

    /// The files with tensors, each once: those of the UNet, the VAE and the text encoder.
    #[must_use]
    pub fn weight_files(&self) -> Vec<PathBuf> {
        let parts = [&self.unet.1, &self.vae.1, &self.text_encoder.1];
        let mut files: Vec<PathBuf> =
            parts.into_iter().flat_map(|weights| weights.files().map(Path::to_owned)).collect();
        files.dedup();
        files
    }

    /// From now on nothing but what was hashed is loaded; `files` has a hashed file for each of the
    /// [`weight_files`](Self::weight_files).
    pub fn seal(&mut self, files: &BTreeMap<PathBuf, Arc<HashedFile>>) {
        for weights in [&mut self.unet.1, &mut self.vae.1, &mut self.text_encoder.1] {
            weights.seal(files);
        }
    }

    /// Checks that every tensor is there and that the parts fit together. Reads headers only: this takes milliseconds
    /// and no memory for weights.
    ///
    /// # Errors
    /// Names the file and the key, or every tensor that is missing, superfluous or of the wrong shape.
    pub fn check(&self) -> Result<ModelSummary, LoadError> {
        self.fit()?;
        let (unet, unet_size) = check(&self.unet.1, |at| UNet2DConditionModel::new(&self.unet.0, at))?;
        let (_, vae_size) = check(&self.vae.1, |at| AutoencoderKl::new(&self.vae.0, at))?;
        let (_, text_size) = check(&self.text_encoder.1, |at| ClipTextModel::new(&self.text_encoder.0, at))?;
        Ok(ModelSummary {
            latent_channels: self.vae.0.latent_channels,
            vae_scale_factor: self.vae.0.scale(),
            native_size: self.unet.0.sample_size * self.vae.0.scale(),
            unet_multiple: self.vae.0.scale() << (self.unet.0.blocks.len() - 1),
            prediction_type: self.process.prediction_type(),
            cross_attention_dim: self.unet.0.cross_attention_dim,
            unet_parameters: unet_size.parameters,
            text_encoder_parameters: text_size.parameters,
            vae_parameters: vae_size.parameters,
            process: self.process.clone(),
            adaptable_layers: unet.adaptable_layers(),
        })
    }

    /// Loads the denoiser onto `device`, its weights stored as `storage` says (a dtype will do: f32, bf16 or f16). The
    /// other parts are loaded when they are used.
    ///
    /// # Errors
    /// Everything [`check`](Self::check) finds, and a device without room.
    pub fn load(self, device: &Device, storage: impl Into<Storage>) -> Result<Model, LoadError> {
        self.check()?;
        let storage = storage.into();
        let unet = build(&self.unet.1, device, storage, |at| UNet2DConditionModel::new(&self.unet.0, at))?;
        let vae_config = self.vae.0.clone();
        let (text, vae) = (self.text_encoder, self.vae);
        let (text_device, vae_device) = (device.clone(), device.clone());
        Ok(Model {
            text_encoder: OnDemand::new(move || {
                build(&text.1, &text_device, storage, |at| ClipTextModel::new(&text.0, at))
            }),
            denoiser: unet.into(),
            vae: OnDemand::new(move || build(&vae.1, &vae_device, storage, |at| AutoencoderKl::new(&vae.0, at))),
            vae_config,
            tokenizer: self.tokenizer,
            process: self.process,
            device: device.clone(),
            dtype: storage.dtype,
        })
    }

    fn fit(&self) -> Result<(), LoadError> {
        let wrong = |reason: String| Err(LoadError::Invalid { file: self.source.clone(), reason });
        let (unet, vae, text) = (&self.unet.0, &self.vae.0, &self.text_encoder.0);
        if unet.in_channels != vae.latent_channels || unet.out_channels != vae.latent_channels {
            return wrong(format!(
                "the UNet goes from {} to {} channels, the VAE has {} latent channels; inpainting and upscaling \
                 models are not supported",
                unet.in_channels, unet.out_channels, vae.latent_channels
            ));
        }
        if unet.cross_attention_dim != text.hidden_size {
            let (unet, text) = (unet.cross_attention_dim, text.hidden_size);
            return wrong(format!("the UNet wants a context of width {unet}, the text encoder gives {text}"));
        }
        if text.positions < PROMPT_TOKENS {
            return wrong(format!("the text encoder takes {} tokens, not {PROMPT_TOKENS}", text.positions));
        }
        let largest = self.tokenizer.largest_id();
        if largest as usize >= text.vocab_size {
            return wrong(format!("the tokenizer has ids up to {largest}, the text encoder knows {}", text.vocab_size));
        }
        Ok(())
    }
}
