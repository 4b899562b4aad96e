//! Stable Diffusion XL against diffusers, transformers and peft: `tests/golden/sdxl/make.py` made the numbers.

#![allow(clippy::print_stdout)] // measured errors are worth reading

#[path = "../common/device.rs"]
mod device;
#[path = "../common/psnr.rs"]
mod psnr;
#[path = "../common/sdxl.rs"]
mod sdxl;

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use candle_core::{DType, Tensor};
use device::{device, there};
use runner::adapter::Adapter;
use runner::choice::{AdapterKind, Targets};
use runner::models::{Conditioning, LoraSet, Model, Parts};
use sdxl::{golden, randn};

mod dialects;
mod images;
mod prompts;
mod real_sizes;
mod steps;
mod text;
mod training;
mod values;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    sdxl::write(folder.path());
    folder
});

fn parts() -> Parts {
    Parts::open(FOLDER.path()).unwrap()
}

fn model() -> Model {
    parts().load(device(), DType::F32).unwrap()
}

fn tensors(file: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden(file), device()).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest difference relative to the largest reference value.
fn error(ours: &Tensor, reference: &Tensor) -> f32 {
    assert_eq!(ours.dims(), reference.dims());
    let (ours, reference) = (numbers(ours), numbers(reference));
    let scale = reference.iter().fold(0f32, |m, x| m.max(x.abs()));
    let difference = |m: f32, (a, b): (&f32, &f32)| if (a - b).abs() <= m { m } else { (a - b).abs() };
    ours.iter().zip(&reference).fold(0f32, difference) / scale
}

fn close(what: &str, ours: &Tensor, reference: &Tensor, tolerance: f32) {
    let error = error(ours, reference);
    println!("{what}: {error:.1e}");
    let tolerance = device::tolerance(tolerance);
    assert!(error <= tolerance, "{what}: error {error:e} > {tolerance:e}");
}

/// The adapter of the script, whose matrices B have this deviation.
fn adapter(model: &Model, deviation: f64) -> Adapter {
    let layers = model.denoiser.adaptable_layers(Targets::default());
    let adapter = Adapter::init(AdapterKind::Lora, &layers, 2, 4.0, 0, device()).unwrap();
    for (i, (name, variable)) in adapter.variables().enumerate() {
        let scale = if name.ends_with(".down") { 0.5 } else { deviation };
        variable.set(&there(&(randn(1000 + i as u64, variable.dims()) * scale).unwrap())).unwrap();
    }
    adapter
}

/// Tensors that are stored as one, in the order of their names.
fn joined<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Tensor {
    let flat: Vec<Tensor> = tensors.map(|tensor| tensor.flatten_all().unwrap()).collect();
    Tensor::cat(&flat, 0).unwrap()
}

fn conditions(context: &Tensor, pooled: &Tensor, sizes: &[[f32; 6]]) -> Conditioning {
    let sizes = Tensor::from_slice(sizes.as_flattened(), (sizes.len(), 6), device()).unwrap();
    Conditioning { pooled: Some(pooled.clone()), sizes: Some(sizes), ..context.clone().into() }
}
