//! Single-file checkpoints of Stable Diffusion: one `.safetensors` with the key names of the original latent diffusion
//! code (LDM), as most shared models come.
//!
//! The tensors get their diffusers names; everything else is the same as for a folder. Such a file holds neither
//! configurations, which the family has, nor a vocabulary, which is CLIP's.
//! Witness for the names: [`single_file_utils.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/loaders/single_file_utils.py).

mod architecture;
mod ema;
mod foreign;
pub(crate) mod keys;
mod prediction;
mod unused;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::about::About;
use super::config::{TextConfig, scheduler};
use super::elsewhere::Elsewhere;
use super::families::{FamilyData, Names, SinglePart};
use super::network::Network;
use super::part::Part;
use super::parts::Parts;
use super::tokenizer;
use crate::files::pickle::{convert_file, is_pickle};
use crate::sampling::schedule::PredictionType;
use crate::tensors::{LoadError, Weights};
use ema::Ema;

pub use architecture::Architecture;

/// Opens a checkpoint whose family is told by its tensors. Its vocabulary is that of a `tokenizer` folder beside it,
/// else CLIP's own.
///
/// # Errors
/// Files of other families and of other kinds, and files without a VAE or a text encoder that nothing stands in for,
/// with advice.
pub fn open(file: &Path, elsewhere: &Elsewhere<'_>) -> Result<Parts, LoadError> {
    let (mut weights, ema) = ema::choose(open_file(file)?)?;
    let family = foreign::family(file, &weights)?;
    let prediction = prediction::prediction_type(file, &mut weights, family)?;
    let architecture = architecture::architecture(file, family, prediction)?;
    Checkpoint { file, weights, ema, prediction, architecture: &architecture, elsewhere }.parts()
}

/// Opens a checkpoint of given sizes.
///
/// # Errors
/// As [`open()`].
pub fn open_as(file: &Path, architecture: &Architecture, elsewhere: &Elsewhere<'_>) -> Result<Parts, LoadError> {
    let (mut weights, ema) = ema::choose(open_file(file)?)?;
    let prediction = prediction::prediction_type(file, &mut weights, architecture.family)?;
    Checkpoint { file, weights, ema, prediction, architecture, elsewhere }.parts()
}

/// A checkpoint that is known for what it is.
struct Checkpoint<'a> {
    file: &'a Path,
    weights: Weights,
    ema: Ema,
    prediction: PredictionType,
    architecture: &'a Architecture,
    elsewhere: &'a Elsewhere<'a>,
}

impl Checkpoint<'_> {
    fn parts(self) -> Result<Parts, LoadError> {
        let Self { file, weights, ema, prediction, architecture, elsewhere } = self;
        let family = architecture.family.data();
        let zero_snr = prediction::zero_snr(&weights, prediction);
        let (process, _) = scheduler::process(&architecture::scheduler(family, prediction, zero_snr))
            .map_err(|e| LoadError::Invalid { file: file.to_owned(), reason: e.to_string() })?;
        let weights = unused::without_known(weights)?;
        let own_vae = architecture.networks.iter().find_map(Network::vae);
        let about = About::of_file(architecture.family, &weights, ema.said());
        let mut warnings: Vec<String> = unused::warning(&weights, &family.single_file).into_iter().collect();
        let (mut parts, mut texts, mut missing) = (Vec::new(), BTreeMap::new(), Vec::new());
        for ((data, single), network) in
            family.folder.parts.iter().zip(family.single_file.parts).zip(&architecture.networks)
        {
            if let Some(taken) = elsewhere.part(*data, network, own_vae)? {
                parts.push(taken.part);
                texts.extend(taken.texts);
                warnings.extend(taken.warnings);
            } else if weights.shapes().any(|(name, _)| name.starts_with(single.prefix)) {
                let weights = named(weights.clone(), single, network)?;
                parts.push(Part { data: *data, network: network.clone(), weights, tokenizer: None });
            } else {
                missing.push((network, single.prefix));
            }
        }
        if !missing.is_empty() {
            return Err(LoadError::Invalid { file: file.to_owned(), reason: lacks(&missing, family) });
        }
        for (part, single) in parts.iter_mut().zip(family.single_file.parts) {
            let (None, Some(name), Some(padding)) = (&part.tokenizer, part.data.tokenizer, single.padding) else {
                continue;
            };
            let beside = file.parent().unwrap_or(Path::new(".")).join(name);
            let tokenizer = match beside.is_dir() {
                true => tokenizer::open(&beside, name, &mut texts)?,
                false => tokenizer::of_clip(padding, name, &mut texts)?,
            };
            warnings.extend(tokenizer.warnings().iter().cloned());
            part.tokenizer = Some(Arc::new(tokenizer));
        }
        let (source, folder, prompts) = (file.to_owned(), family.folder, family.prompts);
        let process = process.usually(family.sampler.of(None));
        Ok(Parts { source, folder, parts, prompts, process, texts, warnings, about })
    }
}

/// Which parts a file lacks, and what to do.
fn lacks(missing: &[(&Network, &str)], family: &FamilyData) -> String {
    let known = family.single_file.text_encoders;
    let say = |(network, prefix): &(&Network, &str)| match network {
        Network::Vae(_) => format!(
            "it has no VAE (no tensors `{prefix}…`): set `model.vae` (or --vae) to one made for {}, a folder, a \
             .safetensors file or a Hub id such as {}",
            family.name, family.single_file.vae
        ),
        _ if network.text_encoder().is_some() => format!(
            "it has no text encoder (no tensors `{prefix}…`): set `model.text_encoders` (or --text-encoders) to a \
             diffusers folder or a Hub id with those of {}, such as {known}",
            family.name
        ),
        _ => format!("it has no UNet (no tensors `{prefix}…`)"),
    };
    missing.iter().map(say).collect::<Vec<_>>().join("; ")
}

impl Ema {
    /// What the user should know of it.
    fn said(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Beside => Some("with EMA weights of the UNet beside the others, which are used"),
            Self::Only => Some("with the EMA weights of the UNet only"),
        }
    }
}

fn open_file(file: &Path) -> Result<Weights, LoadError> {
    if !is_pickle(file) {
        return Weights::open(file);
    }
    Err(LoadError::Invalid {
        file: file.to_owned(),
        reason: format!(
            "only .safetensors checkpoints are read: .ckpt and .pt files are pickles, which can run any code when \
             opened; {}",
            convert_file(file)
        ),
    })
}

/// The tensors of one network, under the names of a diffusers folder.
fn named(weights: Weights, single: &SinglePart, network: &Network) -> Result<Weights, LoadError> {
    match (single.names, network) {
        (Names::LdmUNet, Network::UNet(config)) => {
            let layers = config.blocks.first().map_or(1, |block| block.layers);
            part(weights, single.prefix, |name| keys::unet(name, layers))
        }
        (Names::LdmVae, Network::Vae(config)) => {
            part(weights, single.prefix, |name| keys::vae(name, config.channels.len()))
        }
        (Names::OpenClip, Network::ClipText(config)) => open_clip(weights, single.prefix, config),
        _ => part(weights, single.prefix, |name| Some(name.to_owned())),
    }
}

/// The tensors below `prefix`, under the names that `new_name` gives. A name that it does not know stays, so that the
/// check reports it.
fn part(weights: Weights, prefix: &str, new_name: impl Fn(&str) -> Option<String>) -> Result<Weights, LoadError> {
    weights.rename(|name| {
        let name = name.strip_prefix(prefix)?;
        Some(new_name(name).unwrap_or_else(|| name.to_owned()))
    })
}

/// OpenCLIP's text encoder: one matrix for query, key and value becomes three, and the projection is transposed.
fn open_clip(weights: Weights, prefix: &str, config: &TextConfig) -> Result<Weights, LoadError> {
    let projected = config.pooled.is_some();
    let named = weights
        .transpose(&format!("{prefix}{}", keys::PROJECTION))
        .rename(|name| keys::open_clip(name.strip_prefix(prefix)?, config.layers, projected))?;
    named.split_rows(|name| {
        let (module, kind) = name.split_once(".in_proj_")?;
        Some(["q", "k", "v"].map(|part| format!("{module}.{part}_proj.{kind}")).to_vec())
    })
}
