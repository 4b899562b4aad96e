//! Single-file checkpoints of Stable Diffusion 1.x, 2.x and XL: one `.safetensors` with the key names of the
//! original latent diffusion code (LDM), as most shared models come.
//!
//! The tensors get their diffusers names; everything else is the same as for a folder. Such a file holds neither
//! configurations, which the family has, nor a vocabulary, which must lie elsewhere.
//! Witness for the names: [`single_file_utils.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/loaders/single_file_utils.py).

mod architecture;
pub(crate) mod keys;
mod prediction;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::scheduler;
use super::families::{Family, Names, SingleFile, SinglePart};
use super::network::Network;
use super::part::Part;
use super::parts::Parts;
use super::tokenizer;
use crate::tensors::{LoadError, Weights};

pub use architecture::Architecture;

/// Finds the folder of a model by its Hub id, `None` if it is not on this machine.
pub type FindModel<'a> = &'a dyn Fn(&str) -> Option<PathBuf>;

/// Opens a checkpoint whose family is told by its tensors. Its vocabulary is that of a `tokenizer` folder beside it, or
/// of a model of the family that `find` knows.
///
/// # Errors
/// Files of other families (refiners, inpainting, LoRA files, pickles), with advice.
pub fn open(file: &Path, find: FindModel<'_>) -> Result<Parts, LoadError> {
    let architecture = architecture::architecture(file, family(file, &open_file(file)?)?)?;
    open_as(file, &architecture, find)
}

/// Opens a checkpoint of given sizes.
///
/// # Errors
/// As [`open()`].
pub fn open_as(file: &Path, architecture: &Architecture, find: FindModel<'_>) -> Result<Parts, LoadError> {
    let mut weights = open_file(file)?;
    let prediction = prediction::prediction_type(file, &mut weights, architecture)?;
    let (process, _) = scheduler::process(&architecture::scheduler(prediction))
        .map_err(|e| LoadError::Invalid { file: file.to_owned(), reason: e.to_string() })?;
    let family = architecture.family.data();
    let (mut parts, mut texts, mut warnings) = (Vec::new(), BTreeMap::new(), Vec::new());
    for ((data, single), network) in
        family.folder.parts.iter().zip(family.single_file.parts).zip(&architecture.networks)
    {
        let weights = named(weights.clone(), single, network)?;
        parts.push(Part { data: *data, network: network.clone(), weights, tokenizer: None });
    }
    for part in &mut parts {
        let Some(name) = part.data.tokenizer else { continue };
        let tokenizer = tokenizer::open(&vocabulary(file, name, &family.single_file, find)?, name, &mut texts)?;
        warnings.extend(tokenizer.warnings().iter().cloned());
        part.tokenizer = Some(Arc::new(tokenizer));
    }
    let (source, folder, prompts) = (file.to_owned(), family.folder, family.prompts);
    Ok(Parts { source, folder, parts, prompts, process, texts, warnings })
}

fn open_file(file: &Path) -> Result<Weights, LoadError> {
    let safe = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
    if safe {
        return Weights::open(file);
    }
    Err(LoadError::Invalid {
        file: file.to_owned(),
        reason: "only .safetensors checkpoints are read: .ckpt and .pt files are pickles, which can run any code when \
                 opened; convert the file with a program you trust, or look for its .safetensors version"
            .to_owned(),
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
        (Names::OpenClip, Network::ClipText(config)) => open_clip(weights, single.prefix, config.layers),
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

/// OpenCLIP's text encoder: one matrix for query, key and value becomes three.
fn open_clip(weights: Weights, prefix: &str, layers: usize) -> Result<Weights, LoadError> {
    let named = weights.rename(|name| keys::open_clip(name.strip_prefix(prefix)?, layers))?;
    named.split_rows(|name| {
        let (module, kind) = name.split_once(".in_proj_")?;
        Some(["q", "k", "v"].map(|part| format!("{module}.{part}_proj.{kind}")).to_vec())
    })
}

/// Tells the family by the context's width, or says why the file cannot be used.
fn family(file: &Path, weights: &Weights) -> Result<Family, LoadError> {
    let refuse = |reason: &str| Err(LoadError::Invalid { file: file.to_owned(), reason: reason.to_owned() });
    let shape = |name: &str| weights.shapes().find(|(n, _)| *n == name).map(|(_, shape)| shape.to_vec());
    if weights.shapes().any(|(name, _)| name.contains("lora_up") || name.contains("lora_A") || name.contains("lora.up"))
    {
        return refuse("this is a LoRA file, not a model: give it as the adapter and a base model beside it");
    }
    let width = |name: &str| match shape(name).as_deref() {
        Some([_, width]) => Some(*width),
        _ => None,
    };
    let family = Family::ALL.into_iter().find(|family| {
        let data = family.data();
        width(data.single_file.context) == Some(data.context)
    });
    if family.is_none() && weights.shapes().any(|(name, _)| name.starts_with("conditioner.embedders.")) {
        return refuse(
            "its text encoder is that of Stable Diffusion XL, but its UNet is not that of the base model; refiners are \
             not supported",
        );
    }
    let Some(first) = shape("model.diffusion_model.input_blocks.0.0.weight") else {
        return refuse(
            "it has no `model.diffusion_model.` tensors, so it is not a Stable Diffusion checkpoint in one file; for a \
             diffusers model name its folder, the one with model_index.json",
        );
    };
    if first.get(1) != Some(&4) {
        return refuse("its UNet does not take 4 channels: inpainting, depth and upscaling models are not supported");
    }
    match family {
        Some(family) => Ok(family),
        None => {
            refuse("its UNet is none of Stable Diffusion 1.x (context 768), 2.x (context 1024) and XL (context 2048)")
        }
    }
}

/// The folder of a vocabulary, which is not in the file. It is called `name`, and lies beside the file or in a model of
/// the family.
fn vocabulary(file: &Path, name: &str, known: &SingleFile, find: FindModel<'_>) -> Result<PathBuf, LoadError> {
    let beside = file.parent().unwrap_or(Path::new(".")).join(name);
    if beside.is_dir() {
        return Ok(beside);
    }
    let folder = |id: &&str| Some(find(id)?.join(name)).filter(|folder| folder.is_dir());
    known.vocabularies.iter().find_map(folder).ok_or_else(|| LoadError::NotFound {
        folder: beside,
        wanted: "vocab.json and merges.txt".to_owned(),
        advice: Some(format!(
            "a checkpoint in one file has no vocabulary: copy the `{name}` folder of {} from the Hub beside it",
            known.vocabularies[0]
        )),
    })
}
