//! From one format of adapter files to another.

use super::error::LoraFileError;
use super::key::Part;
use super::label::{BaseLabel, Family};
use super::names;
use super::pair::Pair;
use super::parsed::{Parsed, read};
use super::save::{kohya_metadata, scaled};
use crate::tensors::tensor_file;
use candle_core::{DType, Device, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The two formats every other program reads one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// diffusers' `pytorch_lora_weights.safetensors`.
    Diffusers,
    /// kohya's sd-scripts, ComfyUI, A1111.
    Kohya,
}

/// The bytes of the adapter file `path` in another format; needs no model.
///
/// Every tensor is carried over, the text encoder's too, in its own dtype and shape; only where alpha ≠ rank has to
/// be multiplied into B (towards diffusers) does B become f32. Metadata is carried over, except what would no longer
/// be true: hashes of the tensors, alpha where it is multiplied in, and a label of another base model.
///
/// # Errors
/// A tensor that is not part of a complete LoRA pair, or not of a layer of Stable Diffusion, is named.
pub fn convert(path: &Path, to: Format) -> Result<Vec<u8>, LoraFileError> {
    let parsed = read(path)?;
    let pairs = pairs(path, &parsed)?;
    let shapes = pairs.iter().map(|((part, name), pair)| (*part, name.as_str(), pair.down.dims()));
    let family = Family::of_layers(shapes);
    let mut metadata = parsed.metadata.clone();
    for key in ["lora_adapter_metadata", "sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256"] {
        metadata.remove(key);
    }
    match to {
        Format::Diffusers => {
            metadata.remove("ss_network_alpha");
        }
        Format::Kohya => {
            let one = |values: BTreeSet<String>| match values.len() {
                1 => values.into_iter().next().unwrap_or_default(),
                _ => "Dynamic".to_owned(),
            };
            let dim = one(pairs.values().map(|pair| pair.rank.to_string()).collect());
            let alpha = one(pairs.values().map(|pair| alpha(pair).to_string()).collect());
            // Read from the tensors, so better than what the file says.
            metadata
                .extend([("ss_network_dim".to_owned(), dim.clone()), ("ss_network_alpha".to_owned(), alpha.clone())]);
            for (key, value) in kohya_metadata(&dim, &alpha) {
                metadata.entry(key).or_insert(value);
            }
            BaseLabel::complete(&mut metadata, family);
        }
    }
    let tensors = match to {
        Format::Diffusers => diffusers(path, pairs)?,
        Format::Kohya => {
            let first = first_text_encoder(&parsed, family);
            kohya(path, pairs, first)?
        }
    };
    tensor_file::write(&tensors, &metadata).map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })
}

/// Part and layer, in diffusers' words, and its pair.
type Pairs = BTreeMap<(Part, String), Pair>;

/// The pairs of a file; refused unless every tensor belongs to the pair of a known layer.
fn pairs(path: &Path, parsed: &Parsed) -> Result<Pairs, LoraFileError> {
    let (mut pairs, mut refused) = (Pairs::new(), Vec::new());
    for ((part, module), raw) in &parsed.modules {
        let pair = match names::layer(*part, module) {
            None => Err("it names no layer of Stable Diffusion that this program knows".to_owned()),
            Some(name) if pairs.contains_key(&(*part, name.clone())) => {
                Err("the layer appears twice, under two names".to_owned())
            }
            Some(name) => raw.pair(&names::with_dots(module), &parsed.alphas).map(|pair| (name, pair)),
        };
        match pair {
            Ok((name, pair)) => drop(pairs.insert((*part, name), pair)),
            Err(reason) => refused.extend(raw.tensor_names().map(|tensor| (tensor.clone(), reason.clone()))),
        }
    }
    parsed.refuse(path, refused)?;
    Ok(pairs)
}

/// The alpha that gives a pair its scale in a format without rsLoRA.
fn alpha(pair: &Pair) -> f64 {
    pair.scale * pair.rank as f64
}

fn diffusers(path: &Path, pairs: Pairs) -> Result<BTreeMap<String, Tensor>, LoraFileError> {
    let mut tensors = BTreeMap::new();
    for ((part, name), pair) in pairs {
        let (prefix, middle) = match part {
            Part::Unet => ("unet", "lora"),
            Part::TextEncoder => ("text_encoder", "lora_linear_layer"),
            Part::TextEncoder2 => ("text_encoder_2", "lora_linear_layer"),
        };
        let up = strengthened(&pair).map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })?;
        let Some(up) = up else {
            let reason = format!("alpha {} multiplied into B gives numbers that are not finite", alpha(&pair));
            return Err(LoraFileError::Number { path: path.to_owned(), module: name, reason });
        };
        tensors.insert(format!("{prefix}.{name}.{middle}.down.weight"), pair.down);
        tensors.insert(format!("{prefix}.{name}.{middle}.up.weight"), up);
    }
    Ok(tensors)
}

/// B with the scale multiplied in; `None` if it overflows.
fn strengthened(pair: &Pair) -> candle_core::Result<Option<Tensor>> {
    if pair.scale == 1.0 {
        return Ok(Some(pair.up.clone()));
    }
    let up = scaled(&pair.up.to_dtype(DType::F32)?, pair.scale)?;
    let finite = (&up * 0.0)?.sum_all()?.to_scalar::<f32>()? == 0.0;
    Ok(finite.then_some(up))
}

fn kohya(path: &Path, pairs: Pairs, first_text_encoder: &str) -> Result<BTreeMap<String, Tensor>, LoraFileError> {
    let error = |source| LoraFileError::Tensor { path: path.to_owned(), source };
    let mut tensors = BTreeMap::new();
    for ((part, name), pair) in pairs {
        let prefix = match part {
            Part::Unet => "lora_unet",
            Part::TextEncoder => first_text_encoder,
            Part::TextEncoder2 => "lora_te2",
        };
        let alpha = alpha(&pair);
        let written = alpha as f32;
        // An alpha of 0 means "the rank" to kohya.
        if !written.is_finite() || written == 0.0 {
            let reason = format!("alpha {alpha} cannot be written as an f32 number other than 0");
            return Err(LoraFileError::Number { path: path.to_owned(), module: name, reason });
        }
        let name = format!("{prefix}_{}", names::with_underscores(&name));
        tensors.insert(format!("{name}.alpha"), Tensor::new(written, &Device::Cpu).map_err(error)?);
        tensors.insert(format!("{name}.lora_down.weight"), pair.down);
        tensors.insert(format!("{name}.lora_up.weight"), pair.up);
    }
    Ok(tensors)
}

/// What kohya calls the first text encoder: `lora_te` where there is one, `lora_te1` where there are two. Where the
/// tensors do not show which, the file's own word stays.
fn first_text_encoder(parsed: &Parsed, family: Option<Family>) -> &'static str {
    let te1 = || parsed.modules.values().flat_map(|raw| raw.tensor_names()).any(|name| name.starts_with("lora_te1_"));
    match family {
        Some(Family::Sdxl) => "lora_te1",
        Some(_) => "lora_te",
        None if te1() => "lora_te1",
        None => "lora_te",
    }
}
