//! Reading an adapter file for a model.

use super::alphas::Alphas;
use super::error::LoraFileError;
use super::key::Part;
use super::module::{FileDelta, RawModule};
use super::names;
use super::parsed::{Parsed, parse, read};
use crate::models::delta::shape::Shape;
use crate::models::{AdaptableLayer, Delta, LoraSet};
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// Reads an adapter for a UNet with these modules, `strength` times as strong as the file says.
///
/// Understands the names of diffusers (new and old), peft and kohya, and the original code's names of layers. Alpha
/// comes from the file's alpha tensors, its `lora_adapter_metadata` or an `adapter_config.json` beside it; else it is
/// the rank. Matrices are widened to f32 and put on `device`.
///
/// # Errors
/// Every tensor that would not be applied is named: of an unknown module, for the text encoder, of another method,
/// without its partner, not finite, or of a shape for another architecture.
pub fn load(path: &Path, modules: &[AdaptableLayer], strength: f64, device: &Device) -> Result<LoraSet, LoraFileError> {
    apply(&read(path)?, path, modules, strength, device)
}

/// The same for a file that is in memory already; `path` is for messages.
///
/// # Errors
/// As [`load`].
pub fn load_bytes(
    bytes: &[u8],
    path: &Path,
    modules: &[AdaptableLayer],
    strength: f64,
    device: &Device,
) -> Result<LoraSet, LoraFileError> {
    let invalid = |reason| LoraFileError::Invalid { path: path.to_owned(), reason };
    apply(&parse(bytes).map_err(invalid)?, path, modules, strength, device)
}

fn apply(
    parsed: &Parsed,
    path: &Path,
    modules: &[AdaptableLayer],
    strength: f64,
    device: &Device,
) -> Result<LoraSet, LoraFileError> {
    let by_name: BTreeMap<&str, &AdaptableLayer> = modules.iter().map(|m| (m.name.as_str(), m)).collect();
    let by_flat_name: BTreeMap<String, &AdaptableLayer> =
        modules.iter().map(|m| (names::with_underscores(&m.name), m)).collect();
    let mut deltas: BTreeMap<&str, FileDelta> = BTreeMap::new();
    let mut refused = Vec::new();
    for ((part, name), raw) in &parsed.modules {
        let of_its_name = by_name.get(name.as_str()).or_else(|| by_flat_name.get(name)).copied();
        let module = of_its_name.or_else(|| by_name.get(names::layer(*part, name)?.as_str()).copied());
        let delta = match (part, module) {
            (Part::Unet, Some(module)) if deltas.contains_key(module.name.as_str()) => {
                Err("the module appears twice, under two names".to_owned())
            }
            (Part::Unet, Some(module)) => {
                fitting(raw, &names::with_dots(name), module, &parsed.alphas).map(|delta| (module, delta))
            }
            (Part::Unet, None) => Err(format!("the model has no adaptable layer {name}")),
            _ => Err("it is for the text encoder, which this program leaves unchanged".to_owned()),
        };
        match delta {
            Ok((module, delta)) => drop(deltas.insert(&module.name, delta)),
            Err(reason) => refused.extend(raw.tensor_names().map(|tensor| (tensor.clone(), reason.clone()))),
        }
    }
    parsed.refuse(path, refused)?;
    let place = |delta: FileDelta| -> candle_core::Result<Delta> {
        let place = |tensor: &Tensor| tensor.to_dtype(DType::F32)?.to_device(device);
        let tensors = delta.matrices()?.iter().map(place).collect::<candle_core::Result<_>>()?;
        Ok(Delta { kind: delta.kind, tensors, scale: delta.scale * strength, dropout_mask: None })
    };
    deltas
        .into_iter()
        .map(|(name, delta)| Ok((name.to_owned(), place(delta)?)))
        .collect::<candle_core::Result<_>>()
        .map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })
}

/// What the file adds to `module`, if its shapes are that layer's; `name` is what the file calls it, with dots.
fn fitting(raw: &RawModule, name: &str, module: &AdaptableLayer, alphas: &Alphas) -> Result<FileDelta, String> {
    let delta = raw.delta(name, alphas)?;
    let Shape { input, output, window: (height, width), .. } = delta.shape;
    if (height, width) != (1, 1) {
        return Err(format!("adapters of {height}×{width} convolutions are not supported"));
    }
    if (input, output) == (module.in_features, module.out_features) {
        return Ok(delta);
    }
    Err(format!(
        "made for another architecture: a layer {input} → {output}, but this model's is {} → {}",
        module.in_features, module.out_features
    ))
}
