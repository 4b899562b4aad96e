//! The networks that a model is made of, one variant each: its configuration, its check and its loading.

use std::path::Path;

use candle_core::{DType, Device};

use super::adaptable::AdaptableLayer;
use super::config::{TextConfig, UNET_KEYS, UNetConfig, VAE_KEYS, VaeConfig, unread};
use super::denoiser::Denoiser;
use super::finite_vae::FiniteVae;
use super::layers::{build, check};
use super::on_demand::OnDemand;
use super::text_encoder::ClipTextModel;
use super::unet::UNet2DConditionModel;
use super::vae::AutoencoderKl;
use crate::choice::Targets;
use crate::kernels::{Dense, Storage, activation_dtype};
use crate::tensors::{LoadError, Weights};

/// A network with its configuration; the weights are elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// The denoiser of Stable Diffusion 1, 2 and XL.
    UNet(UNetConfig),
    /// The autoencoder.
    Vae(VaeConfig),
    /// CLIP's text encoder.
    ClipText(TextConfig),
}

/// What a denoiser asks of the other parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DenoiserSizes {
    /// Channels of the latents that go in.
    pub(super) in_channels: usize,
    /// Channels of the prediction.
    pub(super) out_channels: usize,
    /// Width of the tokens that it attends to.
    pub(super) context: usize,
    /// Width of the pooled output, if it wants one.
    pub(super) pooled: Option<usize>,
    /// Width and height of the latents that it was trained on.
    pub(super) native_size: usize,
    /// Width and height of latents must be multiples of this.
    pub(super) multiple: usize,
}

/// What is found by a check.
#[derive(Debug)]
pub(super) struct Checked {
    /// Numbers in all tensors together.
    pub(super) parameters: u64,
    /// The layers that an adapter can change.
    pub(super) adaptable_layers: Vec<AdaptableLayer>,
}

/// A network that is loaded, or loaded when it is used first.
#[derive(Debug)]
pub(super) enum Loaded {
    Denoiser(Denoiser),
    Vae(VaeConfig, FiniteVae),
    TextEncoder(OnDemand<ClipTextModel>),
}

impl Network {
    /// The network of that class with the configuration `text`; `path` is for messages.
    ///
    /// # Errors
    /// A class without a network here, and a key whose value is not implemented or out of range.
    pub(super) fn parse(class: &str, path: &Path, text: &str) -> Result<Self, LoadError> {
        match class {
            "UNet2DConditionModel" => UNetConfig::parse(path, text).map(Self::UNet),
            "AutoencoderKL" => VaeConfig::parse(path, text).map(Self::Vae),
            "CLIPTextModel" => TextConfig::parse(path, text).map(Self::ClipText),
            "CLIPTextModelWithProjection" => TextConfig::parse_with_projection(path, text).map(Self::ClipText),
            _ => Err(LoadError::Invalid {
                file: path.to_owned(),
                reason: format!("it belongs to a network of class {class}, which is not implemented"),
            }),
        }
    }

    /// The keys of its configuration that this program does not know, as warnings; `name` is the file's.
    pub(super) fn unread(&self, name: &str, text: &str) -> Vec<String> {
        match self {
            Self::UNet(_) => unread(name, text, &UNET_KEYS),
            Self::Vae(_) => unread(name, text, &[&VAE_KEYS]),
            // Its configuration has many keys of other uses of CLIP.
            Self::ClipText(_) => Vec::new(),
        }
    }

    /// What it asks of the other parts, if it is a denoiser.
    pub(super) fn denoiser(&self) -> Option<DenoiserSizes> {
        match self {
            Self::UNet(config) => Some(DenoiserSizes {
                in_channels: config.in_channels,
                out_channels: config.out_channels,
                context: config.cross_attention_dim,
                pooled: config.text_time.map(|text_time| text_time.pooled),
                native_size: config.sample_size,
                multiple: 1 << (config.blocks.len() - 1),
            }),
            _ => None,
        }
    }

    /// Its configuration, if it is an autoencoder.
    pub(super) fn vae(&self) -> Option<&VaeConfig> {
        if let Self::Vae(config) = self { Some(config) } else { None }
    }

    /// Its configuration, if it is a text encoder.
    pub(super) fn text_encoder(&self) -> Option<&TextConfig> {
        if let Self::ClipText(config) = self { Some(config) } else { None }
    }

    /// Checks the names and shapes of its tensors. Reads headers only.
    ///
    /// # Errors
    /// Every tensor that is missing, superfluous or of the wrong shape.
    pub(super) fn check(&self, weights: &Weights) -> Result<Checked, LoadError> {
        let (size, adaptable_layers) = match self {
            Self::UNet(config) => {
                let (unet, size) = check(weights, |at| UNet2DConditionModel::new(config, at))?;
                (size, unet.every_adaptable_layer())
            }
            Self::Vae(config) => (check(weights, |at| AutoencoderKl::new(config, at))?.1, Vec::new()),
            Self::ClipText(config) => {
                let (text, size) = check(weights, |at| ClipTextModel::new(config, at))?;
                (size, text.adaptable_layers(Targets::All))
            }
        };
        Ok(Checked { parameters: size.parameters, adaptable_layers })
    }

    /// Loads a denoiser whose tensors were checked; the other networks are loaded when they are used first.
    ///
    /// # Errors
    /// A tensor that is gone, a file that cannot be read or has changed, a device without room.
    pub(super) fn load(self, weights: Weights, device: &Device, storage: Storage) -> Result<Loaded, LoadError> {
        let device = device.clone();
        // The others are small, and what they compute is computed once.
        let storage = match self {
            Self::UNet(_) => storage,
            Self::Vae(_) | Self::ClipText(_) => Storage { dense: Dense::AsOthers, ..storage },
        };
        Ok(match self {
            Self::UNet(config) => {
                Loaded::Denoiser(build(&weights, &device, storage, |at| UNet2DConditionModel::new(&config, at))?.into())
            }
            Self::Vae(config) => {
                let loaded_as = |storage: Storage| {
                    let (config, weights, device) = (config.clone(), weights.clone(), device.clone());
                    OnDemand::new(move || build(&weights, &device, storage, |at| AutoencoderKl::new(&config, at)))
                };
                // Only f16 has numbers too small for some VAEs.
                let narrow = activation_dtype(&device, storage.dtype) == DType::F16;
                let wide = narrow.then(|| loaded_as(Storage { dtype: DType::F32, ..storage }));
                let vae = FiniteVae::new(loaded_as(storage), wide);
                Loaded::Vae(config, vae)
            }
            Self::ClipText(config) => Loaded::TextEncoder(OnDemand::new(move || {
                build(&weights, &device, storage, |at| ClipTextModel::new(&config, at))
            })),
        })
    }
}
