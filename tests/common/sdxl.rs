//! The small Stable Diffusion XL model of `tests/golden/sdxl/make.py`, drawn again from the names of its tensors.

#![allow(dead_code)] // each test file uses a part

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use runner::models::Parts;
use runner::sampling::noise::TorchRng;
use runner::tensors::{LoadError, tensor_file};

/// The golden files.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sdxl").join(name)
}

/// Numbers of the standard normal distribution, as `torch.randn` draws them.
pub(crate) fn randn(seed: u64, shape: &[usize]) -> Tensor {
    TorchRng::new(seed).randn_tensor(shape).unwrap()
}

/// 32-bit FNV-1a.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// `drawn` of the script.
fn drawn(part: &str, name: &str, shape: &[usize]) -> Tensor {
    let draw = randn(u64::from(fnv(&format!("{part}/{name}"))), shape);
    let scaled = match shape {
        [_] if name.contains("norm") && name.ends_with("weight") => draw.affine(0.2, 1.0),
        [_] => draw.affine(0.2, 0.0),
        shape => draw.affine(0.9 / (shape[1..].iter().product::<usize>() as f64).sqrt(), 0.0),
    };
    scaled.unwrap().to_dtype(DType::F16).unwrap()
}

/// Writes configurations and tokenizers into `folder`.
pub(crate) fn write_texts(folder: &Path) {
    let configs: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&fs::read(golden("configs.json")).unwrap()).unwrap();
    for (name, config) in configs {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, config.to_string()).unwrap();
    }
    for (tokenizer, model) in [("tokenizer", "sd1"), ("tokenizer_2", "sd2")] {
        let source = golden("../models").join(model).join("tokenizer");
        fs::create_dir_all(folder.join(tokenizer)).unwrap();
        for entry in fs::read_dir(source).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.join(tokenizer).join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Writes the model into `folder`.
pub(crate) fn write(folder: &Path) {
    write_texts(folder);
    let parts = ["unet", "vae", "text_encoder", "text_encoder_2"];
    let file = |part: &str| {
        let stem = if part.starts_with("text") { "model" } else { "diffusion_pytorch_model" };
        folder.join(part).join(format!("{stem}.safetensors"))
    };
    let save = |part: &str, tensors: &BTreeMap<String, Tensor>| {
        fs::write(file(part), tensor_file::write(tensors, &BTreeMap::new()).unwrap()).unwrap();
    };
    for part in parts {
        save(part, &BTreeMap::new());
    }
    // A model without weights is refused with the names and shapes of all it needs, one part at a time.
    while let Err(error) = Parts::open(folder).and_then(|parts| parts.check()) {
        let LoadError::Tensors { file: source, problems } = error else { panic!("{error}") };
        assert!(problems.unexpected.is_empty() && problems.misshapen.is_empty(), "{problems}");
        let part = parts.into_iter().find(|part| source == file(part) || source == folder.join(part)).unwrap();
        save(part, &problems.missing.iter().map(|(name, shape)| (name.clone(), drawn(part, name, shape))).collect());
    }
}
