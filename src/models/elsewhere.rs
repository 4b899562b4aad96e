//! Parts of a model that are taken from elsewhere: a VAE that fits the model better than its own, or parts that a
//! checkpoint in one file lacks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::config::VaeConfig;
use super::network::Network;
use super::part::Part;
use super::single_file::keys;
use super::tokenizer;
use crate::tensors::texts::Texts;
use crate::tensors::{LoadError, ModelFolder, ModelPart, Weights};

/// Where parts come from that are not taken from the model itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elsewhere<'a> {
    /// A VAE: its folder, that of a model with a VAE, or a `.safetensors` file.
    pub vae: Option<&'a Path>,
    /// The folder of a model whose text encoders and tokenizers are taken.
    pub text_encoders: Option<&'a Path>,
}

/// The files of a Hub repository or folder that is a VAE alone.
pub const VAE_ALONE: ModelFolder = ModelFolder {
    pipelines: &[],
    shared: &[],
    parts: &[ModelPart { folder: "", stem: "diffusion_pytorch_model", class: "AutoencoderKL", tokenizer: None }],
    tokenizer: &[],
    optional: &[],
};

/// The files of the VAE in the folder of a whole model.
pub const VAE_OF_MODEL: ModelFolder = ModelFolder {
    parts: &[ModelPart { folder: "vae", stem: "diffusion_pytorch_model", class: "AutoencoderKL", tokenizer: None }],
    ..VAE_ALONE
};

impl Elsewhere<'_> {
    /// A part that is wanted from elsewhere, `None` if it is the model's own. `data` is its place in the model's
    /// folder, `network` has the sizes of the model's own part, and `own_vae` is the configuration of its own VAE.
    ///
    /// # Errors
    /// What is missing or not supported.
    pub(super) fn part(
        &self,
        data: ModelPart,
        network: &Network,
        own_vae: Option<&VaeConfig>,
    ) -> Result<Option<Taken>, LoadError> {
        match (network, self.vae, self.text_encoders) {
            (Network::Vae(_), Some(path), _) => vae(path, data, own_vae).map(Some),
            (_, _, Some(path)) if network.text_encoder().is_some() => text_encoder(path, data).map(Some),
            _ => Ok(None),
        }
    }
}

/// A part from elsewhere, and the hashes of the texts that were read of it, by their names in a diffusers folder.
pub(super) struct Taken {
    pub(super) part: Part,
    pub(super) texts: BTreeMap<String, blake3::Hash>,
    pub(super) warnings: Vec<String>,
}

/// The VAE at `path`. A file has no configuration: `own` is that of the model's own VAE. `data` is the VAE's place in
/// the model's folder.
///
/// # Errors
/// What is missing or not supported.
fn vae(path: &Path, data: ModelPart, own: Option<&VaeConfig>) -> Result<Taken, LoadError> {
    if path.is_file() {
        let config = own.ok_or_else(|| LoadError::Invalid {
            file: path.to_owned(),
            reason: "a VAE in one file has no configuration, and the base model has none for it".to_owned(),
        })?;
        let weights = vae_names(Weights::open(path)?, config.channels.len())?;
        let part = Part { data, network: Network::Vae(config.clone()), weights, tokenizer: None };
        return Ok(Taken { part, texts: BTreeMap::new(), warnings: Vec::new() });
    }
    let inside = path.join(VAE_OF_MODEL.parts[0].folder);
    let folder = if inside.join("config.json").is_file() { inside } else { path.to_owned() };
    let texts = Texts::of(&folder, &["config.json"])?;
    let text = texts.need("config.json")?;
    let network = Network::parse(data.class, &texts.path("config.json"), text)?;
    let mut warnings = network.unread(&data.config(), text);
    if let (Some(config), Some(own)) = (network.vae(), own)
        && config.scaling_factor != own.scaling_factor
    {
        warnings.push(format!(
            "{} scales latents by {}, and the base model's own VAE by {}: its pictures will be right only if it was \
             made for this base model.",
            path.display(),
            config.scaling_factor,
            own.scaling_factor
        ));
    }
    let weights = Weights::open_folder(&folder, data.stem)?;
    let hashes = texts.hashes(&format!("{}/", data.folder)).collect();
    Ok(Taken { part: Part { data, network, weights, tokenizer: None }, texts: hashes, warnings })
}

/// The tensors of a VAE under diffusers' names. A file has these, LDM's, or LDM's behind the prefix of a checkpoint.
fn vae_names(weights: Weights, blocks: usize) -> Result<Weights, LoadError> {
    const PREFIX: &str = "first_stage_model.";
    let in_checkpoint = weights.shapes().any(|(name, _)| name.starts_with(PREFIX));
    weights.rename(|name| {
        let name = if in_checkpoint { name.strip_prefix(PREFIX)? } else { name };
        let of_training = name.starts_with("loss.") || name.starts_with("model_ema.");
        // A name that LDM does not know stays: it is one of diffusers, or is reported.
        (!of_training).then(|| keys::vae(name, blocks).unwrap_or_else(|| name.to_owned()))
    })
}

/// A text encoder with its tokenizer, of the model in the folder `path`; `data` is its place there.
///
/// # Errors
/// What is missing or not supported.
fn text_encoder(path: &Path, data: ModelPart) -> Result<Taken, LoadError> {
    let name = data.config();
    let found = Texts::of(path, &[&name])?;
    let network = Network::parse(data.class, &found.path(&name), found.need(&name)?)?;
    let weights = Weights::open_folder(&path.join(data.folder), data.stem)?;
    let mut texts: BTreeMap<_, _> = found.hashes("").collect();
    let of = |name: &str| tokenizer::open(&path.join(name), name, &mut texts).map(Arc::new);
    let tokenizer = data.tokenizer.map(of).transpose()?;
    let warnings = tokenizer.iter().flat_map(|tokenizer| tokenizer.warnings().iter().cloned()).collect();
    Ok(Taken { part: Part { data, network, weights, tokenizer }, texts, warnings })
}
