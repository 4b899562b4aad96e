//! From one format of adapter files to another.

use super::error::{LoraFileError, NotApplied};
use super::hashes;
use super::label::{BaseLabel, family_of_layers};
use super::module::Deltas;
use super::names;
use super::parsed::{CONFIGS, Parsed, read};
use super::save::kohya_metadata;
use super::write::{Writer, alpha};
use crate::choice::AdapterKind;
use crate::models::delta::Tensors;
use crate::models::families::Family;
use crate::tensors::tensor_file;
use candle_core::DType;
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

/// How a file is converted.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    /// The new format.
    pub to: Format,
    /// The type of all numbers; `None`: each tensor keeps its own.
    pub dtype: Option<DType>,
    /// Whether tensors that cannot be carried over are left out.
    pub partly: bool,
}

/// The bytes of the adapter file `path` in another format; needs no model.
///
/// # Errors
/// As [`convert_with`], which leaves nothing out here.
pub fn convert(path: &Path, to: Format) -> Result<Vec<u8>, LoraFileError> {
    Ok(convert_with(path, Conversion { to, dtype: None, partly: false })?.0)
}

/// The bytes of the adapter file `path` in another format, and what was left out; needs no model.
///
/// Every tensor is carried over, the text encoder's too, in its own dtype and shape; only where alpha ≠ rank has to be
/// multiplied into a tensor (towards diffusers: B of a LoRA) does that tensor become f32. Numbers of eight bits become
/// f16. Metadata is carried over, except what would no longer be true: hashes of the tensors, alpha where it is
/// multiplied in, and a label of another base model.
///
/// # Errors
/// A tensor that is not part of a complete adapter of a layer, or not of a layer of Stable Diffusion, is named; so is
/// a layer whose numbers the new format or type does not have.
pub fn convert_with(path: &Path, how: Conversion) -> Result<(Vec<u8>, Option<NotApplied>), LoraFileError> {
    let error = |source| LoraFileError::Tensor { path: path.to_owned(), source };
    let parsed = read(path)?;
    let (mut deltas, left_out) = deltas(&parsed);
    if let Some(tensors) = &left_out
        && (!how.partly || deltas.is_empty())
    {
        return Err(LoraFileError::NotApplied { path: path.to_owned(), tensors: tensors.clone() });
    }
    let family = {
        let shapes = deltas.iter().map(|((part, name), delta)| (*part, name.as_str(), delta));
        family_of_layers(shapes.map(|(part, name, delta)| (part, name, delta.input_shape())))
    };
    let mut metadata = parsed.metadata.clone();
    for key in [CONFIGS, "sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256"] {
        metadata.remove(key);
    }
    if let Some(dtype) = how.dtype {
        retyped(path, &mut deltas, dtype)?;
    }
    let writer = Writer { path };
    let tensors = match how.to {
        Format::Diffusers => {
            metadata.remove("ss_network_alpha");
            let (tensors, more) = writer.diffusers(&deltas)?;
            metadata.extend(more);
            tensors
        }
        Format::Kohya => {
            let kind = deltas.values().map(|delta| delta.kind).next().unwrap_or(AdapterKind::Lora);
            let one = |values: BTreeSet<String>| match values.len() {
                1 => values.into_iter().next().unwrap_or_default(),
                _ => "Dynamic".to_owned(),
            };
            let dim = one(deltas.values().filter_map(|delta| Some(delta.shape.rank?.to_string())).collect());
            let alpha = one(deltas.values().filter_map(|delta| Some(alpha(delta)?.to_string())).collect());
            // Read from the tensors, so better than what the file says.
            metadata
                .extend([("ss_network_dim".to_owned(), dim.clone()), ("ss_network_alpha".to_owned(), alpha.clone())]);
            for (key, value) in kohya_metadata(kind, family, &dim, &alpha) {
                metadata.entry(key).or_insert(value);
            }
            BaseLabel::complete(&mut metadata, family);
            let first = first_text_encoder(&parsed, family);
            let tensors = writer.kohya(&deltas, first, family == Some(Family::Sdxl))?;
            metadata.extend(hashes::of(&tensors, &metadata).map_err(error)?);
            tensors
        }
    };
    Ok((tensor_file::write(&tensors, &metadata).map_err(error)?, left_out))
}

/// What a file adds to each known layer, and what is no part of that.
fn deltas(parsed: &Parsed) -> (Deltas, Option<NotApplied>) {
    let (mut deltas, mut refused) = (Deltas::new(), Vec::new());
    for ((part, module), raw) in &parsed.modules {
        let delta = match names::layer(*part, module) {
            None => Err("it names no layer of Stable Diffusion that this program knows".to_owned()),
            Some(name) if deltas.contains_key(&(*part, name.clone())) => {
                Err("the layer appears twice, under two names".to_owned())
            }
            Some(name) => raw.delta(&names::with_dots(module), &parsed.config(*part)).map(|delta| (name, delta)),
        };
        match delta {
            Ok((name, delta)) => drop(deltas.insert((*part, name), delta)),
            Err(reason) => refused.extend(raw.refused(&reason)),
        }
    }
    (deltas, parsed.left_out(refused))
}

/// Changes the type of all numbers; refused where a number becomes infinite.
fn retyped(path: &Path, deltas: &mut Deltas, dtype: DType) -> Result<(), LoraFileError> {
    let change = |tensors: &Tensors| -> candle_core::Result<Option<Tensors>> {
        let mut changed = BTreeMap::new();
        for (name, tensor) in tensors {
            let narrow = tensor.to_dtype(dtype)?;
            let sum = (narrow.to_dtype(DType::F32)? * 0.0)?.sum_all()?.to_scalar::<f32>()?;
            if sum != 0.0 {
                return Ok(None);
            }
            changed.insert(*name, narrow);
        }
        Ok(Some(changed))
    };
    for ((_, layer), delta) in deltas {
        match change(&delta.tensors).map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })? {
            Some(changed) => delta.tensors = changed,
            None => {
                let reason = "has numbers that are too large for the new type".to_owned();
                return Err(LoraFileError::Number { path: path.to_owned(), module: layer.clone(), reason });
            }
        }
    }
    Ok(())
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
