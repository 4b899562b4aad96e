//! Writing adapter files.

use super::names::with_underscores;
use crate::adapter::Adapter;
use crate::models::delta::about;
use crate::models::delta::about::About;
use crate::tensors::tensor_file;
use candle_core::{Device, Result, Tensor};
use std::collections::BTreeMap;

/// The bytes of `pytorch_lora_weights.safetensors`, with the names diffusers' `train_dreambooth_lora.py` writes.
///
/// That format has no alpha: readers take alpha = rank. So one tensor (B of a LoRA) is multiplied with
/// `alpha / rank` first.
pub fn save_diffusers(adapter: &Adapter) -> Result<Vec<u8>> {
    let mut tensors = BTreeMap::new();
    let about = about(adapter.kind);
    for (layer, variables) in &adapter.modules {
        for (place, (names, variable)) in about.tensors.iter().zip(variables).enumerate() {
            let scale = if place == about.scaled { adapter.scale() } else { 1.0 };
            let [ending, _] = names.diffusers;
            tensors.insert(format!("unet.{layer}.{ending}"), scaled(variable.as_tensor(), scale)?);
        }
    }
    tensor_file::write(&tensors, &BTreeMap::from([("format".to_owned(), "pt".to_owned())]))
}

/// The bytes of a file for kohya's sd-scripts, ComfyUI and A1111: underscored names and an alpha per module.
///
/// `metadata` (the base model's, see [`super::BaseLabel`], and e.g. `modelspec.trigger_phrase`) is added to, and wins
/// over, the entries readers expect.
pub fn save_kohya(adapter: &Adapter, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut tensors = BTreeMap::new();
    let about = about(adapter.kind);
    for (layer, variables) in &adapter.modules {
        let layer = format!("lora_unet_{}", with_underscores(layer));
        tensors.insert(format!("{layer}.alpha"), Tensor::new(adapter.alpha as f32, &Device::Cpu)?);
        for (names, variable) in about.tensors.iter().zip(variables) {
            tensors.insert(format!("{layer}.{}", names.kohya), variable.as_tensor().detach());
        }
    }
    let mut all = kohya_metadata(about, &adapter.rank.to_string(), &adapter.alpha.to_string());
    all.extend(metadata.iter().map(|(k, v)| (k.clone(), v.clone())));
    tensor_file::write(&tensors, &all)
}

/// The keys of sd-scripts' `SS_METADATA_MINIMUM_KEYS` (library/train_util.py) and of
/// [ModelSpec](https://github.com/Stability-AI/ModelSpec) that depend neither on the training nor on the base
/// model. No dates: the same training gives the same bytes.
pub(super) fn kohya_metadata(about: &About, dim: &str, alpha: &str) -> BTreeMap<String, String> {
    let (module, arguments) = about.kohya;
    [
        ("ss_network_module", module),
        ("ss_network_dim", dim),
        ("ss_network_alpha", alpha),
        ("ss_network_args", arguments),
        ("modelspec.sai_model_spec", "1.0.1"),
        ("modelspec.implementation", "diffusers"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// `tensor · factor` in the tensor's dtype; the same bits if the factor is 1.
pub(super) fn scaled(tensor: &Tensor, factor: f64) -> Result<Tensor> {
    if factor == 1.0 { Ok(tensor.detach()) } else { tensor.detach().affine(factor, 0.0) }
}
