//! Single-file checkpoints of Stable Diffusion 1.x and 2.x: one `.safetensors` with the key names of the
//! original latent diffusion code (LDM), as most shared models come.
//!
//! The tensors get their diffusers names and the rest is the same as for a folder. What such a file does not
//! hold is here (configurations) or must lie elsewhere (the tokenizer's vocabulary).
//! Witness for the names: [`single_file_utils.py`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/loaders/single_file_utils.py).

mod architecture;
pub(crate) mod keys;
mod prediction;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::scheduler;
use super::families::{Family, TextNames};
use super::parts::Parts;
use super::tokenizer::{self, Tokenizer};
use crate::tensors::texts::Texts;
use crate::tensors::{LoadError, Weights};

pub use architecture::Architecture;

/// Finds the folder of a model by its Hub id, `None` if it is not on this machine.
pub type FindModel<'a> = &'a dyn Fn(&str) -> Option<PathBuf>;

/// Opens a checkpoint whose family is told by its tensors. Its vocabulary is that of a `tokenizer` folder beside it, or
/// of a model of the family that `find` knows.
///
/// # Errors
/// Files of other families (SDXL, inpainting, LoRA files, pickles), with advice.
pub fn open(file: &Path, find: FindModel<'_>) -> Result<Parts, LoadError> {
    let architecture = architecture::architecture(file, family(file, &open_file(file)?)?)?;
    open_as(file, &architecture, find)
}

/// Opens a checkpoint of given sizes.
///
/// # Errors
/// As [`open`].
pub fn open_as(file: &Path, architecture: &Architecture, find: FindModel<'_>) -> Result<Parts, LoadError> {
    let mut weights = open_file(file)?;
    let prediction = prediction::prediction_type(file, &mut weights, architecture)?;
    let (process, _) = scheduler::process(&architecture::scheduler(prediction))
        .map_err(|e| LoadError::Invalid { file: file.to_owned(), reason: e.to_string() })?;
    let Architecture { family, unet, vae, text_encoder } = architecture.clone();
    let layers = unet.blocks.first().map_or(1, |block| block.layers);
    let unet_weights = part(open_file(file)?, "model.diffusion_model.", |name| keys::unet(name, layers))?;
    let vae_weights = part(open_file(file)?, "first_stage_model.", |name| keys::vae(name, vae.channels.len()))?;
    let text_weights = match family.data().single_file.text_names {
        TextNames::HuggingFace => part(weights, "cond_stage_model.transformer.", |name| Some(name.to_owned()))?,
        TextNames::OpenClip => open_clip(weights, text_encoder.layers)?,
    };
    let words = words(file, family, find)?;
    let tokenizer = Tokenizer::from_texts(&words)?;
    Ok(Parts {
        source: file.to_owned(),
        unet: (unet, unet_weights),
        vae: (vae, vae_weights),
        text_encoder: (text_encoder, text_weights),
        texts: words.hashes("tokenizer/").filter(|(name, _)| tokenizer.depends_on(name)).collect(),
        warnings: tokenizer.warnings().to_vec(),
        tokenizer: Arc::new(tokenizer),
        process,
    })
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

/// The tensors below `prefix` under the names `new_name` gives; a name it does not know stays, so that the
/// check reports it.
fn part(weights: Weights, prefix: &str, new_name: impl Fn(&str) -> Option<String>) -> Result<Weights, LoadError> {
    weights.rename(|name| {
        let name = name.strip_prefix(prefix)?;
        Some(new_name(name).unwrap_or_else(|| name.to_owned()))
    })
}

/// OpenCLIP's text encoder: one matrix for query, key and value becomes three.
fn open_clip(weights: Weights, layers: usize) -> Result<Weights, LoadError> {
    let named = weights.rename(|name| keys::open_clip(name.strip_prefix("cond_stage_model.model.")?, layers))?;
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
    if weights.shapes().any(|(name, _)| name.starts_with("conditioner.embedders.")) {
        return refuse("this is a Stable Diffusion XL checkpoint; only 1.x and 2.x are supported");
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
    let context =
        match shape("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight").as_deref() {
            Some([_, width]) => Family::of_context(*width),
            _ => None,
        };
    match context {
        Some(family) => Ok(family),
        None => refuse("its UNet is neither that of Stable Diffusion 1.x (context 768) nor of 2.x (context 1024)"),
    }
}

/// The vocabulary is not in the file: a `tokenizer` folder beside it, or that of a model of the family.
fn words(file: &Path, family: Family, find: FindModel<'_>) -> Result<Texts, LoadError> {
    let beside = file.parent().unwrap_or(Path::new(".")).join("tokenizer");
    if beside.is_dir() {
        return tokenizer::texts(&beside);
    }
    let known = family.data().single_file.vocabularies;
    let folder = |id: &&str| Some(find(id)?.join("tokenizer")).filter(|folder| folder.is_dir());
    match known.iter().find_map(folder) {
        Some(folder) => tokenizer::texts(&folder),
        None => Err(LoadError::NotFound {
            folder: beside,
            wanted: "vocab.json and merges.txt".to_owned(),
            advice: Some(format!(
                "a checkpoint in one file has no vocabulary: copy the `tokenizer` folder of {} from the Hub beside it",
                known[0]
            )),
        }),
    }
}
