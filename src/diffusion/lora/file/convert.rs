use super::error::LoraFileError;
use super::key::{self, Part};
use super::parsed::read;
use super::save::{kohya_metadata, scaled};
use crate::diffusion::tensor_file;
use candle_core::{DType, Device, Result, Tensor};
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
/// Every tensor is carried over, the text encoder's too, in its own dtype; only where alpha ≠ rank has to be
/// multiplied into B (towards diffusers) does B become f32. Metadata is carried over.
///
/// # Errors
/// A tensor that is not part of a complete LoRA pair is named.
pub fn convert(path: &Path, to: Format) -> std::result::Result<Vec<u8>, LoraFileError> {
    let parsed = read(path)?;
    let (mut pairs, mut refused) = (Vec::new(), Vec::new());
    for ((part, name), raw) in &parsed.modules {
        let name = key::with_dots(name);
        match raw.pair(&name, &parsed.alphas) {
            Ok(pair) => pairs.push((*part, name, pair)),
            Err(reason) => refused.extend(raw.tensor_names().map(|tensor| (tensor.clone(), reason.clone()))),
        }
    }
    parsed.refuse(path, refused)?;

    let mut metadata = parsed.metadata;
    metadata.remove("lora_adapter_metadata");
    let write = || -> Result<Vec<u8>> {
        let mut tensors = BTreeMap::new();
        let (mut ranks, mut alphas) = (BTreeSet::new(), BTreeSet::new());
        for (part, name, pair) in pairs {
            match to {
                Format::Diffusers => {
                    let (prefix, middle) = match part {
                        Part::Unet => ("unet", "lora"),
                        Part::TextEncoder => ("text_encoder", "lora_linear_layer"),
                        Part::TextEncoder2 => ("text_encoder_2", "lora_linear_layer"),
                    };
                    let up = if pair.scale == 1.0 { pair.up } else { pair.up.to_dtype(DType::F32)? };
                    tensors.insert(format!("{prefix}.{name}.{middle}.down.weight"), pair.down);
                    tensors.insert(format!("{prefix}.{name}.{middle}.up.weight"), scaled(&up, pair.scale)?);
                }
                Format::Kohya => {
                    let prefix = match part {
                        Part::Unet => "lora_unet",
                        Part::TextEncoder => "lora_te",
                        Part::TextEncoder2 => "lora_te2",
                    };
                    let name = format!("{prefix}_{}", key::with_underscores(&name));
                    let alpha = pair.scale * pair.rank as f64;
                    tensors.insert(format!("{name}.alpha"), Tensor::new(alpha as f32, &Device::Cpu)?);
                    tensors.insert(format!("{name}.lora_down.weight"), pair.down);
                    tensors.insert(format!("{name}.lora_up.weight"), pair.up);
                    ranks.insert(pair.rank.to_string());
                    alphas.insert(alpha.to_string());
                }
            }
        }
        if to == Format::Kohya {
            let one = |values: BTreeSet<String>| if values.len() == 1 { values.into_iter().next() } else { None };
            let (dim, alpha) = (one(ranks), one(alphas));
            for (key, value) in
                kohya_metadata(dim.as_deref().unwrap_or("Dynamic"), alpha.as_deref().unwrap_or("Dynamic"))
            {
                metadata.entry(key).or_insert(value);
            }
        }
        tensor_file::write(&tensors, &metadata)
    };
    write().map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })
}
