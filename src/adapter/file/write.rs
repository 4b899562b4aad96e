//! What an adapter adds to each layer, in the names of diffusers and of kohya.

use super::error::LoraFileError;
use super::key::Part;
use super::module::{Deltas, FileDelta};
use super::names;
use super::parsed::CONFIGS;
use super::peft_metadata;
use crate::choice::AdapterKind;
use crate::models::delta::Tensors;
use crate::models::delta::about::{INPUT_MAGNITUDE, MAGNITUDE};
use crate::models::delta::lora;
use candle_core::{DType, Device, Result, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// The tensors of a file, by name.
type Named = BTreeMap<String, Tensor>;

/// What makes an error of something that a format cannot say.
pub(super) struct Writer<'a> {
    /// The file that it comes from, for messages.
    pub(super) path: &'a Path,
}

impl Writer<'_> {
    /// diffusers' tensors and its metadata about them. That format has no alpha of its own (readers take the rank), so
    /// the scale is multiplied into one tensor.
    pub(super) fn diffusers(
        &self,
        deltas: &Deltas,
    ) -> std::result::Result<(Named, BTreeMap<String, String>), LoraFileError> {
        let mut named = Named::new();
        for ((part, layer), delta) in deltas {
            let kind = delta.kind;
            if delta.tensors.contains_key(INPUT_MAGNITUDE)
                || (delta.tensors.contains_key(MAGNITUDE) && kind != AdapterKind::Dora)
            {
                let reason = "diffusers and peft know lengths (DoRA) of a LoRA's outputs only; write a kohya file";
                return Err(self.number(layer, reason.to_owned()));
            }
            let tensors = self.strengthened(layer, delta)?;
            let tensors = self.tensor(without_core(delta, tensors))?;
            for (name, tensor) in tensors {
                let ending = match delta.about().names(name).and_then(|names| names.diffusers) {
                    Some(endings) => endings[usize::from(*part != Part::Unet)].to_owned(),
                    None if *part == Part::Unet => "lora_magnitude_vector".to_owned(),
                    // transformers 5, which reads text encoders' parts, knows no other name.
                    None => "lora_magnitude_vector.weight".to_owned(),
                };
                let tensor = if name == MAGNITUDE { self.tensor(lengths_of_peft(delta, &tensor))? } else { tensor };
                named.insert(format!("{}.{layer}.{ending}", part.name()), tensor);
            }
        }
        let metadata = peft_metadata::of(deltas).map_err(|(layer, reason)| self.number(&layer, reason))?;
        Ok((named, metadata.map(|text| (CONFIGS.to_owned(), text)).into_iter().collect()))
    }

    /// kohya's tensors: names with underscores, and an alpha for every layer. `first_text_encoder` is what the first
    /// text encoder is called; with `original_names` the UNet's layers have the names of the original code, as
    /// sd-scripts has them for SDXL.
    pub(super) fn kohya(
        &self,
        deltas: &Deltas,
        first_text_encoder: &str,
        original_names: bool,
    ) -> std::result::Result<Named, LoraFileError> {
        let mut named = Named::new();
        for ((part, layer), delta) in deltas {
            let prefix = match part {
                Part::Unet => "lora_unet",
                Part::TextEncoder => first_text_encoder,
                Part::TextEncoder2 => "lora_te2",
            };
            let (tensors, alpha) = match alpha(delta) {
                Some(alpha) => (delta.tensors.clone(), alpha),
                // LyCORIS does not scale a whole update, but expects an alpha.
                None => (self.strengthened(layer, delta)?, 1.0),
            };
            let original = if original_names && *part == Part::Unet { names::original(layer) } else { None };
            let name = format!("{prefix}_{}", names::with_underscores(original.as_deref().unwrap_or(layer)));
            named.insert(format!("{name}.alpha"), self.alpha(layer, alpha, delta)?);
            for (tensor_name, tensor) in tensors {
                let names = delta.about().names(tensor_name);
                let tensor =
                    if names.is_none() { self.tensor(lengths_of_kohya(delta, &tensor, tensor_name))? } else { tensor };
                let ending = names.map_or("dora_scale", |names| names.kohya);
                named.insert(format!("{name}.{ending}"), tensor);
            }
        }
        Ok(named)
    }

    /// Alpha as a tensor: of the type of the layer's tensors, as sd-scripts writes it, if that has the number.
    fn alpha(&self, layer: &str, alpha: f64, delta: &FileDelta) -> std::result::Result<Tensor, LoraFileError> {
        let written = alpha as f32;
        // An alpha of 0 means "the rank" to kohya.
        if !written.is_finite() || written == 0.0 {
            return Err(self.number(layer, format!("alpha {alpha} cannot be written as an f32 number other than 0")));
        }
        self.tensor((|| {
            let wide = Tensor::new(written, &Device::Cpu)?;
            let dtype = delta.tensors.values().map(Tensor::dtype).next().unwrap_or(DType::F32);
            let narrow = wide.to_dtype(dtype)?;
            let same = narrow.to_dtype(DType::F32)?.to_scalar::<f32>()? == written;
            Ok(if same { narrow } else { wide })
        })())
    }

    /// The tensors with the scale multiplied into one of them.
    fn strengthened(&self, layer: &str, delta: &FileDelta) -> std::result::Result<Tensors, LoraFileError> {
        let mut tensors = delta.tensors.clone();
        let name = delta.about().scaled.iter().find(|name| tensors.contains_key(*name));
        let Some((name, tensor)) = name.and_then(|name| Some((*name, tensors.get(name)?))) else { return Ok(tensors) };
        if delta.scale == 1.0 {
            return Ok(tensors);
        }
        let strong = self.tensor(tensor.to_dtype(DType::F32).and_then(|tensor| tensor.affine(delta.scale, 0.0)))?;
        let sum = self.tensor((|| (&strong * 0.0)?.sum_all()?.to_scalar::<f32>())())?;
        if sum != 0.0 {
            let noun = delta.about().names(name).map_or(name, |names| names.noun);
            let reason = match alpha(delta) {
                Some(alpha) => format!("alpha {alpha} multiplied into {noun} gives numbers that are not finite"),
                None => format!("the scale {} multiplied into {noun} gives numbers that are not finite", delta.scale),
            };
            return Err(self.number(layer, reason));
        }
        tensors.insert(name, strong);
        Ok(tensors)
    }

    fn number(&self, layer: &str, reason: String) -> LoraFileError {
        LoraFileError::Number { path: self.path.to_owned(), module: layer.to_owned(), reason }
    }

    fn tensor<T>(&self, result: Result<T>) -> std::result::Result<T, LoraFileError> {
        result.map_err(|source| LoraFileError::Tensor { path: self.path.to_owned(), source })
    }
}

/// The alpha that gives an adapter its scale in a format without rsLoRA; `None` where the update has no rank.
pub(super) fn alpha(delta: &FileDelta) -> Option<f64> {
    delta.shape.rank.map(|rank| delta.scale * rank as f64)
}

/// A LoRA without a core, which diffusers does not know: it becomes part of A. The number of the file's other types
/// stays.
fn without_core(delta: &FileDelta, mut tensors: Tensors) -> Result<Tensors> {
    let Some(core) = tensors.get("mid") else { return Ok(tensors) };
    let dtype = core.dtype();
    let wide: Tensors =
        tensors.iter().map(|(name, tensor)| Ok((*name, tensor.to_dtype(DType::F32)?))).collect::<Result<_>>()?;
    let (down, _) = lora::plain(&wide)?;
    let (height, width) = delta.shape.window;
    let down = down.reshape(((), delta.shape.input, height, width))?.to_dtype(dtype)?;
    tensors.remove("mid");
    tensors.insert("down", down);
    Ok(tensors)
}

/// Whether the tensors show that the layer is a convolution.
fn is_convolution(delta: &FileDelta) -> bool {
    delta.tensors.values().any(|tensor| tensor.rank() == 4)
}

/// peft's shapes: `(out)`, of a convolution `(1, out, 1, 1)`.
fn lengths_of_peft(delta: &FileDelta, lengths: &Tensor) -> Result<Tensor> {
    if is_convolution(delta) { lengths.reshape((1, (), 1, 1)) } else { Ok(lengths.clone()) }
}

/// LyCORIS's shapes: `(out, 1)` or `(1, in)`, of a convolution with two dimensions more.
fn lengths_of_kohya(delta: &FileDelta, lengths: &Tensor, name: &str) -> Result<Tensor> {
    match (name == MAGNITUDE, is_convolution(delta)) {
        (true, false) => lengths.reshape(((), 1)),
        (true, true) => lengths.reshape(((), 1, 1, 1)),
        (false, false) => lengths.reshape((1, ())),
        (false, true) => lengths.reshape((1, (), 1, 1)),
    }
}
