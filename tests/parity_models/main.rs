//! The models against diffusers, transformers and peft: `tests/golden/models/make.py` made the numbers.

#![allow(clippy::print_stdout, clippy::print_stderr)] // measured errors are worth reading

#[path = "../common/device.rs"]
mod device;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, Var};
use device::device;
use runner::choice::Targets;
use runner::kernels::{Dense, LoraPair, Packing, Storage};
use runner::models::LoraSet;
use runner::models::Tokenizer;
use runner::models::{Conditioning, Recompute};
use runner::models::{Model, Parts};
use runner::tensors::LoadError;

mod folders;
mod gradients;
mod outputs;
mod tokens;
mod witnesses;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn folder(name: &str) -> PathBuf {
    match name {
        "toyworld" => root().join("experiments/models/toyworld"),
        name => root().join("tests/golden/models").join(name),
    }
}

struct Golden(HashMap<String, Tensor>);

impl Golden {
    fn load(name: &str) -> Self {
        let file = root().join(format!("tests/golden/models/{name}.safetensors"));
        Self(candle_core::safetensors::load(file, device()).unwrap())
    }

    fn get(&self, key: &str) -> &Tensor {
        self.0.get(key).unwrap_or_else(|| panic!("no golden {key}"))
    }
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest difference relative to the largest reference value.
fn error(ours: &Tensor, reference: &Tensor) -> f32 {
    assert_eq!(ours.dims(), reference.dims());
    let (ours, reference) = (numbers(ours), numbers(reference));
    let scale = reference.iter().fold(0f32, |m, x| m.max(x.abs()));
    let worst = ours
        .iter()
        .zip(&reference)
        .fold(0f32, |m, (a, b)| if (a - b).abs() > m || a.is_nan() { (a - b).abs() } else { m });
    worst / scale
}

fn close(what: &str, ours: &Tensor, reference: &Tensor, tolerance: f32) {
    let error = error(ours, reference);
    println!("{what}: {error:.1e}");
    let tolerance = device::tolerance(tolerance);
    assert!(error <= tolerance, "{what}: error {error:e} > {tolerance:e}");
}

fn load(name: &str, storage: impl Into<Storage>) -> (Model, Golden) {
    (Parts::open(&folder(name)).and_then(|parts| parts.load(device(), storage)).unwrap(), Golden::load(name))
}
