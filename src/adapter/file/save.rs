//! Writing adapter files.

use super::hashes;
use super::key::Part;
use super::label::BaseLabel;
use super::module::{Deltas, FileDelta};
use super::write::Writer;
use crate::adapter::{Adapter, Module};
use crate::choice::AdapterKind;
use crate::models::delta::about::About;
use crate::models::delta::kinds::about;
use crate::models::families::Family;
use crate::tensors::tensor_file;
use candle_core::{Result, Tensor, bail};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// The bytes of `pytorch_lora_weights.safetensors`, with the names diffusers' `train_dreambooth_lora.py` writes.
///
/// That format has no alpha: readers take alpha = rank. So one tensor (B of a LoRA) is multiplied with
/// `alpha / rank` first.
pub fn save_diffusers(adapter: &Adapter) -> Result<Vec<u8>> {
    let writer = Writer { path: Path::new("pytorch_lora_weights.safetensors") };
    let (tensors, mut metadata) = writer.diffusers(&deltas(adapter)?).map_err(candle_core::Error::wrap)?;
    metadata.insert("format".to_owned(), "pt".to_owned());
    tensor_file::write(&tensors, &metadata)
}

/// The bytes of a file for kohya's sd-scripts, ComfyUI and A1111: underscored names, an alpha per module, and hashes.
///
/// `metadata` (the base model's, see [`super::BaseLabel`], and e.g. `modelspec.trigger_phrase`) is added to, and wins
/// over, the entries readers expect.
pub fn save_kohya(adapter: &Adapter, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let family = BaseLabel::family(metadata);
    let sdxl = family == Some(Family::Sdxl);
    let writer = Writer { path: Path::new("kohya.safetensors") };
    let first = if sdxl { "lora_te1" } else { "lora_te" };
    let tensors = writer.kohya(&deltas(adapter)?, first, sdxl).map_err(candle_core::Error::wrap)?;
    let mut all = kohya_metadata(adapter.kind, family, &adapter.rank.to_string(), &adapter.alpha.to_string());
    all.extend(metadata.iter().map(|(k, v)| (k.clone(), v.clone())));
    all.extend(hashes::of(&tensors, &all)?);
    tensor_file::write(&tensors, &all)
}

/// What the adapter adds to each layer, as a file has it.
fn deltas(adapter: &Adapter) -> Result<Deltas> {
    let about = about(adapter.kind);
    let delta = |module: &Module| -> Result<FileDelta> {
        let tensors = module.tensors.iter().map(|(name, variable)| {
            let tensor = variable.as_tensor().detach();
            Ok((*name, of_file(about, module, name, &tensor)?))
        });
        let tensors: BTreeMap<_, _> = tensors.collect::<Result<_>>()?;
        let matrices = tensors.iter().filter(|(name, _)| about.names(name).is_some());
        let shape = match (about.shape)(&matrices.map(|(name, tensor)| (*name, tensor.dims())).collect()) {
            Ok(shape) => shape,
            Err(reason) => bail!("{}: {reason}", module.layer.name),
        };
        Ok(FileDelta { kind: adapter.kind, tensors, shape, alpha: Some(adapter.alpha), scale: adapter.scale() })
    };
    let part = |name: &str| {
        let of = |part: &Part| Some((*part, name.strip_prefix(part.name())?.strip_prefix('.')?.to_owned()));
        Part::ALL.iter().rev().find_map(of).unwrap_or((Part::Unet, name.to_owned()))
    };
    adapter.modules.iter().map(|(name, module)| Ok((part(name), delta(module)?))).collect()
}

/// The tensor in the shape of files: matrices of convolutions have four dimensions.
fn of_file(about: &About, module: &Module, name: &str, tensor: &Tensor) -> Result<Tensor> {
    match tensor.dims() {
        [rows, columns] if module.layer.window.is_some() && about.square.contains(&name) => {
            tensor.reshape((*rows, *columns, 1, 1))
        }
        _ => Ok(tensor.clone()),
    }
}

/// sd-scripts' module that trains such adapters, and its first arguments.
fn network(kind: AdapterKind) -> (&'static str, Vec<(&'static str, &'static str)>) {
    match kind {
        AdapterKind::Dora => ("lycoris.kohya", vec![("algo", "lora"), ("dora_wd", "True")]),
        kind => {
            let (module, algorithm) = about(kind).kohya;
            (module, algorithm.map(|name| ("algo", name)).into_iter().collect())
        }
    }
}

/// kohya's `ss_network_args` of a kind of adapter with more arguments: JSON as Python writes it, whose values are text.
#[must_use]
pub fn network_args(kind: AdapterKind, more: &[(&str, String)]) -> String {
    let own = network(kind).1;
    let all = own.iter().copied().chain(more.iter().map(|(key, value)| (*key, value.as_str())));
    let pairs: Vec<String> = all.map(|(key, value)| format!("{}: {}", json!(key), json!(value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// The keys of sd-scripts' `SS_METADATA_MINIMUM_KEYS` (library/train_util.py) and of
/// [ModelSpec](https://github.com/Stability-AI/ModelSpec) that depend neither on the training nor on the base
/// model. No dates: the same training gives the same bytes.
pub(super) fn kohya_metadata(
    kind: AdapterKind,
    family: Option<Family>,
    dim: &str,
    alpha: &str,
) -> BTreeMap<String, String> {
    let (module, arguments) = (network(kind).0, network_args(kind, &[]));
    // Whose names the layers have.
    let implementation = match family {
        Some(Family::Sdxl) => "https://github.com/Stability-AI/generative-models",
        Some(Family::Sd1 | Family::Sd2) | None => "diffusers",
    };
    [
        ("ss_network_module", module),
        ("ss_network_dim", dim),
        ("ss_network_alpha", alpha),
        ("ss_network_args", arguments.as_str()),
        ("modelspec.sai_model_spec", "1.0.1"),
        ("modelspec.implementation", implementation),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}
