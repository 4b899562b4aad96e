//! From one format of adapter files to another.

use super::error::LoraFileError;
use super::key::Part;
use super::label::{BaseLabel, family_of_layers};
use super::module::FileDelta;
use super::names;
use super::parsed::{Parsed, read};
use super::save::{kohya_metadata, scaled};
use crate::choice::AdapterKind;
use crate::models::delta::about;
use crate::models::families::Family;
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
/// Every tensor is carried over, the text encoder's too, in its own dtype and shape; only where alpha ≠ rank has to be
/// multiplied into a tensor (towards diffusers: B of a LoRA) does that tensor become f32. Metadata is carried over,
/// except what would no longer be true: hashes of the tensors, alpha where it is multiplied in, and a label of another
/// base model.
///
/// # Errors
/// A tensor that is not part of a complete adapter of a layer, or not of a layer of Stable Diffusion, is named.
pub fn convert(path: &Path, to: Format) -> Result<Vec<u8>, LoraFileError> {
    let parsed = read(path)?;
    let deltas = deltas(path, &parsed)?;
    let shapes = deltas.iter().map(|((part, name), delta)| (*part, name.as_str(), delta.input_shape()));
    let family = family_of_layers(shapes);
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
            let dim = one(deltas.values().map(|delta| delta.shape.rank.to_string()).collect());
            let alpha = one(deltas.values().map(|delta| alpha(delta).to_string()).collect());
            // Read from the tensors, so better than what the file says.
            metadata
                .extend([("ss_network_dim".to_owned(), dim.clone()), ("ss_network_alpha".to_owned(), alpha.clone())]);
            let kind = deltas.values().map(|delta| delta.kind).next().unwrap_or(AdapterKind::Lora);
            for (key, value) in kohya_metadata(about(kind), &dim, &alpha) {
                metadata.entry(key).or_insert(value);
            }
            BaseLabel::complete(&mut metadata, family);
        }
    }
    let tensors = match to {
        Format::Diffusers => diffusers(path, deltas)?,
        Format::Kohya => {
            let first = first_text_encoder(&parsed, family);
            kohya(path, deltas, first)?
        }
    };
    tensor_file::write(&tensors, &metadata).map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })
}

/// Part and layer, in diffusers' words, and what is added to it.
type Deltas = BTreeMap<(Part, String), FileDelta>;

/// What a file adds to each layer; refused unless every tensor belongs to a known layer.
fn deltas(path: &Path, parsed: &Parsed) -> Result<Deltas, LoraFileError> {
    let (mut deltas, mut refused) = (Deltas::new(), Vec::new());
    for ((part, module), raw) in &parsed.modules {
        let delta = match names::layer(*part, module) {
            None => Err("it names no layer of Stable Diffusion that this program knows".to_owned()),
            Some(name) if deltas.contains_key(&(*part, name.clone())) => {
                Err("the layer appears twice, under two names".to_owned())
            }
            Some(name) => raw.delta(&names::with_dots(module), &parsed.alphas).map(|delta| (name, delta)),
        };
        match delta {
            Ok((name, delta)) => drop(deltas.insert((*part, name), delta)),
            Err(reason) => refused.extend(raw.tensor_names().map(|tensor| (tensor.clone(), reason.clone()))),
        }
    }
    parsed.refuse(path, refused)?;
    Ok(deltas)
}

/// The alpha that gives an adapter its scale in a format without rsLoRA.
fn alpha(delta: &FileDelta) -> f64 {
    delta.scale * delta.shape.rank as f64
}

fn diffusers(path: &Path, deltas: Deltas) -> Result<BTreeMap<String, Tensor>, LoraFileError> {
    let mut tensors = BTreeMap::new();
    for ((part, layer), mut delta) in deltas {
        let (prefix, text) = match part {
            Part::Unet => ("unet", 0),
            Part::TextEncoder => ("text_encoder", 1),
            Part::TextEncoder2 => ("text_encoder_2", 1),
        };
        let about = delta.about();
        let strong = strengthened(&delta.tensors[about.scaled], delta.scale);
        let Some(strong) = strong.map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })? else {
            let noun = about.tensors[about.scaled].noun;
            let reason = format!("alpha {} multiplied into {noun} gives numbers that are not finite", alpha(&delta));
            return Err(LoraFileError::Number { path: path.to_owned(), module: layer, reason });
        };
        delta.tensors[about.scaled] = strong;
        for (names, tensor) in about.tensors.iter().zip(delta.tensors) {
            tensors.insert(format!("{prefix}.{layer}.{}", names.diffusers[text]), tensor);
        }
    }
    Ok(tensors)
}

/// The tensor with the scale multiplied in; `None` if it overflows.
fn strengthened(tensor: &Tensor, scale: f64) -> candle_core::Result<Option<Tensor>> {
    if scale == 1.0 {
        return Ok(Some(tensor.clone()));
    }
    let strong = scaled(&tensor.to_dtype(DType::F32)?, scale)?;
    let finite = (&strong * 0.0)?.sum_all()?.to_scalar::<f32>()? == 0.0;
    Ok(finite.then_some(strong))
}

fn kohya(path: &Path, deltas: Deltas, first_text_encoder: &str) -> Result<BTreeMap<String, Tensor>, LoraFileError> {
    let error = |source| LoraFileError::Tensor { path: path.to_owned(), source };
    let mut tensors = BTreeMap::new();
    for ((part, name), delta) in deltas {
        let prefix = match part {
            Part::Unet => "lora_unet",
            Part::TextEncoder => first_text_encoder,
            Part::TextEncoder2 => "lora_te2",
        };
        let alpha = alpha(&delta);
        let written = alpha as f32;
        // An alpha of 0 means "the rank" to kohya.
        if !written.is_finite() || written == 0.0 {
            let reason = format!("alpha {alpha} cannot be written as an f32 number other than 0");
            return Err(LoraFileError::Number { path: path.to_owned(), module: name, reason });
        }
        let name = format!("{prefix}_{}", names::with_underscores(&name));
        tensors.insert(format!("{name}.alpha"), Tensor::new(written, &Device::Cpu).map_err(error)?);
        for (names, tensor) in delta.about().tensors.iter().zip(delta.tensors) {
            tensors.insert(format!("{name}.{}", names.kohya), tensor);
        }
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
