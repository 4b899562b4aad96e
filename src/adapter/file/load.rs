//! Reading an adapter file for a model.

use super::error::{LoraFileError, NotApplied};
use super::key::Part;
use super::module::{FileDelta, RawModule};
use super::names;
use super::parsed::{Parsed, parse, read};
use crate::models::{AdaptableLayer, Delta, LoraSet};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// Reads an adapter for a model with these modules, `strength` times as strong as the file says. Modules of text
/// encoders are those whose names begin with `text_encoder.` or `text_encoder_2.`.
///
/// Understands the names of diffusers (new and old), peft, kohya and OneTrainer, and the original code's names of
/// layers. Alpha comes from the file's alpha tensors, its `lora_adapter_metadata` or an `adapter_config.json` beside
/// it; else it is the rank. Matrices are widened to f32 and put on `device`.
///
/// # Errors
/// Every tensor that would not be applied is named: of an unknown module, of another method, without its partner, not
/// finite, or of a shape for another architecture.
pub fn load(path: &Path, modules: &[AdaptableLayer], strength: f64, device: &Device) -> Result<LoraSet, LoraFileError> {
    strict(&read(path)?, path, modules, strength, device)
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
    strict(&parse(bytes).map_err(invalid)?, path, modules, strength, device)
}

/// As [`load`], but what cannot be applied is left out and returned.
///
/// # Errors
/// A file that cannot be read, or of which nothing can be applied.
pub fn load_partly(
    path: &Path,
    modules: &[AdaptableLayer],
    strength: f64,
    device: &Device,
) -> Result<(LoraSet, Option<NotApplied>), LoraFileError> {
    let (set, left_out) = apply(&read(path)?, path, modules, strength, device)?;
    match left_out {
        Some(tensors) if set.is_empty() => Err(LoraFileError::NotApplied { path: path.to_owned(), tensors }),
        left_out => Ok((set, left_out)),
    }
}

/// How a file and a model fit.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Fit {
    /// Layers of the model that the file changes.
    pub layers: usize,
    /// What cannot be applied.
    #[serde(skip)]
    pub left_out: Option<NotApplied>,
}

/// Compares a file with a model, module by module.
///
/// # Errors
/// A file that cannot be read.
pub fn fit(path: &Path, modules: &[AdaptableLayer]) -> Result<Fit, LoraFileError> {
    let (set, left_out) = apply(&read(path)?, path, modules, 1.0, &Device::Cpu)?;
    Ok(Fit { layers: set.len(), left_out })
}

fn strict(
    parsed: &Parsed,
    path: &Path,
    modules: &[AdaptableLayer],
    strength: f64,
    device: &Device,
) -> Result<LoraSet, LoraFileError> {
    match apply(parsed, path, modules, strength, device)? {
        (set, None) => Ok(set),
        (_, Some(tensors)) => Err(LoraFileError::NotApplied { path: path.to_owned(), tensors }),
    }
}

/// What the file adds to the model, and the tensors that cannot be applied.
fn apply(
    parsed: &Parsed,
    path: &Path,
    modules: &[AdaptableLayer],
    strength: f64,
    device: &Device,
) -> Result<(LoraSet, Option<NotApplied>), LoraFileError> {
    let found = Modules::new(modules);
    let mut deltas: BTreeMap<&str, (FileDelta, &AdaptableLayer)> = BTreeMap::new();
    let mut refused = Vec::new();
    for ((part, name), raw) in &parsed.modules {
        let delta = match found.get(*part, name) {
            Some(module) if deltas.contains_key(module.name.as_str()) => {
                Err("the module appears twice, under two names".to_owned())
            }
            Some(module) => fitting(raw, &names::with_dots(name), module, parsed, *part).map(|delta| (delta, module)),
            None if *part == Part::Unet => Err(format!("the model has no adaptable layer {name}")),
            None => Err(format!("the model has no adaptable layer {name} in its text encoder ({})", part.name())),
        };
        match delta {
            Ok((delta, module)) => drop(deltas.insert(&module.name, (delta, module))),
            Err(reason) => refused.extend(raw.refused(&reason)),
        }
    }
    let place = |(delta, layer): (FileDelta, &AdaptableLayer)| -> candle_core::Result<Delta> {
        let place = |(name, tensor): (&'static str, Tensor)| Ok((name, tensor.to_device(device)?));
        let tensors = delta.tensors_for(layer)?.into_iter().map(place).collect::<candle_core::Result<_>>()?;
        Ok(Delta::new(delta.kind, tensors, delta.scale).at(strength))
    };
    let set = deltas
        .into_iter()
        .map(|(name, delta)| Ok((name.to_owned(), place(delta)?)))
        .collect::<candle_core::Result<LoraSet>>()
        .map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })?;
    Ok((set, parsed.left_out(refused)))
}

/// The layers of a model, by every name that a file may have for them.
struct Modules<'a> {
    by_name: BTreeMap<&'a str, &'a AdaptableLayer>,
    by_flat_name: BTreeMap<String, &'a AdaptableLayer>,
}

impl<'a> Modules<'a> {
    fn new(modules: &'a [AdaptableLayer]) -> Self {
        Self {
            by_name: modules.iter().map(|m| (m.name.as_str(), m)).collect(),
            by_flat_name: modules.iter().map(|m| (names::with_underscores(&m.name), m)).collect(),
        }
    }

    /// The layer that a file calls `name`.
    fn get(&self, part: Part, name: &str) -> Option<&'a AdaptableLayer> {
        let own = part.layer(name);
        let of_its_name =
            self.by_name.get(own.as_str()).or_else(|| self.by_flat_name.get(&names::with_underscores(&own)));
        let known = || self.by_name.get(part.layer(&names::layer(part, name)?).as_str());
        of_its_name.or_else(known).copied()
    }
}

/// What the file adds to `module`, if its shapes are that layer's; `name` is what the file calls it, with dots.
fn fitting(
    raw: &RawModule,
    name: &str,
    module: &AdaptableLayer,
    parsed: &Parsed,
    part: Part,
) -> Result<FileDelta, String> {
    let delta = raw.delta(name, &parsed.config(part))?;
    delta.fits(module)?;
    Ok(delta)
}
