//! A whole text-to-image model: found, checked, loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::hashing::HashedFile;
use crate::kernels::Storage;

use crate::models::AdaptableLayer;
use crate::models::AutoencoderKl;
use crate::models::ClipTextModel;
use crate::models::Conditioning;
use crate::models::Denoiser;
use crate::models::OnDemand;
use crate::models::Tokenizer;
use crate::models::UNet2DConditionModel;
use crate::models::at_once::at_once;
use crate::models::config::{self, TextConfig, UNetConfig, VaeConfig};
use crate::models::layers::check;
use crate::models::tokenizer::PROMPT_TOKENS;
use crate::sampling::process::Process;
use crate::sampling::schedule::PredictionType;
use crate::tensors::LoadError;
use crate::tensors::Weights;
use crate::tensors::texts::Texts;

/// A loaded text-to-image model. All weights are frozen. The text encoder and the VAE are loaded on first use.
#[derive(Debug)]
pub struct Model {
    /// Prompt → token ids.
    pub tokenizer: Arc<Tokenizer>,
    /// Token ids → context.
    pub text_encoder: OnDemand<ClipTextModel>,
    /// The denoiser.
    pub denoiser: Denoiser,
    /// Images ↔ latents.
    pub vae: OnDemand<AutoencoderKl>,
    /// The VAE's sizes and factors.
    pub vae_config: VaeConfig,
    /// How latents become noise, and what the denoiser predicts.
    pub process: Process,
    /// Where the weights are.
    pub device: Device,
    /// How the frozen weights are stored.
    pub dtype: DType,
}

/// What can be said about a model without loading its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSummary {
    /// Channels of the latents, 4.
    pub latent_channels: usize,
    /// Pixels per latent, 8.
    pub vae_scale_factor: usize,
    /// Width and height in pixels of the images the model was trained on, e.g. 512.
    pub native_size: usize,
    /// Width and height of images must be multiples of this many pixels: `vae_scale_factor` times the UNet's downsampling.
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

impl Model {
    /// How many images of that size go through the denoiser at once, where `wanted` were asked for. On a CPU, small
    /// images go together, because no image depends on its neighbours there.
    #[must_use]
    pub fn images_at_once(&self, width: usize, height: usize, wanted: usize) -> usize {
        at_once(&self.device, width * height / self.vae_config.scale().pow(2), wanted)
    }

    /// What a prompt becomes, as one sample: tokens `(1, 77, D)` in the activations' type on the model's device.
    ///
    /// # Errors
    /// A full device.
    pub fn encode_prompt(&self, prompt: &str) -> candle_core::Result<Conditioning> {
        let ids = Tensor::new(self.tokenizer.encode(prompt), &self.device)?.unsqueeze(0)?;
        Ok(self.text_encoder.get()?.forward(&ids)?.into())
    }

    /// Loads a diffusers folder or a single-file checkpoint onto `device`, its weights stored as `storage` says (a dtype
    /// will do: f32, bf16 or f16).
    ///
    /// # Errors
    /// Everything [`Model::check`] finds, and a device without room.
    pub fn load(model: &Path, device: &Device, storage: impl Into<Storage>) -> Result<Self, LoadError> {
        Parts::open(model)?.load(device, storage)
    }

    /// Reads configurations and safetensors headers only: takes milliseconds and no memory for weights.
    ///
    /// # Errors
    /// Names the file and the key, or every tensor that is missing, superfluous or of the wrong shape.
    pub fn check(model: &Path) -> Result<ModelSummary, LoadError> {
        Parts::open(model)?.check()
    }
}

impl Parts {
    /// Opens a diffusers folder, or a checkpoint in one file.
    ///
    /// # Errors
    /// Names what is missing or not supported.
    pub fn open(model: &Path) -> Result<Self, LoadError> {
        if model.is_file() { crate::models::single_file::open(model) } else { Self::from_folder(model) }
    }

    /// Opens a folder as diffusers' `save_pretrained` writes it.
    ///
    /// # Errors
    /// Names what is missing or not supported.
    pub fn from_folder(folder: &Path) -> Result<Self, LoadError> {
        let texts = Texts::of_model(folder)?;
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
        let words = Texts::of_tokenizer(&folder.join("tokenizer"))?;
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

    /// Checks that every tensor is there and that the parts fit together.
    ///
    /// # Errors
    /// As [`Model::check`].
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

    /// Loads the UNet; the other parts when they are used.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load(self, device: &Device, storage: impl Into<Storage>) -> Result<Model, LoadError> {
        self.check()?;
        let storage = storage.into();
        let unet = UNet2DConditionModel::load(&self.unet.0, &self.unet.1, device, storage)?;
        let vae_config = self.vae.0.clone();
        let (text, vae) = (self.text_encoder, self.vae);
        let (text_device, vae_device) = (device.clone(), device.clone());
        Ok(Model {
            text_encoder: OnDemand::new(move || ClipTextModel::load(&text.0, &text.1, &text_device, storage)),
            denoiser: unet.into(),
            vae: OnDemand::new(move || AutoencoderKl::load(&vae.0, &vae.1, &vae_device, storage)),
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
