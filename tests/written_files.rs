//! Adapter files of every kind for all parts of a model, as we write them for other programs. They come back as they
//! went; `tests/golden/adapters/check_written.py` loads them into those programs.

#![allow(clippy::print_stdout)] // measured errors are worth reading

#[path = "common/sdxl.rs"]
mod sdxl;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use runner::adapter::file::{BaseLabel, load, save_diffusers, save_kohya};
use runner::adapter::{Adapter, Start};
use runner::choice::{AdapterKind, Targets};
use runner::models::{Conditioning, LoraSet, Model, Parts, TrainedText};
use runner::tensors::tensor_file;
use sdxl::randn;

const KINDS: [AdapterKind; 4] = [AdapterKind::Lora, AdapterKind::Dora, AdapterKind::Loha, AdapterKind::Lokr];

fn open(folder: &Path) -> Parts {
    Parts::open(folder).unwrap()
}

/// An adapter of every layer of the denoiser and the text encoders, as if it had been trained.
fn trained(model: &Model, kind: AdapterKind) -> Adapter {
    let text = TrainedText::load(&model.prompts).unwrap();
    let mut layers = model.denoiser.adaptable_layers(Targets::All);
    layers.extend(text.adaptable_layers(Targets::All));
    let mut norms = model.denoiser.weight_norms(Targets::All).unwrap();
    norms.extend(text.weight_norms(Targets::All).unwrap());
    let start = Start { kind, rank: 2, alpha: 3.0, seed: 7, lokr_factor: None, norms: &norms };
    let adapter = Adapter::begin(&start, &layers, &Device::Cpu).unwrap();
    for (seed, (_, variable)) in adapter.variables().enumerate() {
        let noise = (randn(seed as u64, variable.dims()) * 0.1).unwrap();
        variable.set(&(variable.as_tensor() + noise).unwrap()).unwrap();
    }
    adapter
}

/// What the model computes for a prompt.
fn computed(model: &Model, lora: &LoraSet) -> BTreeMap<String, Tensor> {
    let conditions = model.encode_prompt("a photo of the red house", lora).unwrap();
    let mut all = BTreeMap::from([("tokens".to_owned(), conditions.tokens.clone())]);
    all.extend(conditions.pooled.clone().map(|pooled| ("pooled".to_owned(), pooled)));
    let sizes = Tensor::new(&[[20f32, 24.0, 1.0, 2.0, 20.0, 24.0]], &Device::Cpu).unwrap();
    let sizes = model.denoiser.is_told_sizes().then_some(sizes);
    let conditions = Conditioning { sizes, ..conditions };
    let latents = randn(5, &[1, 4, 12, 10]);
    all.insert("prediction".to_owned(), model.denoiser.forward(&latents, &[400.0], &conditions, lora).unwrap());
    all
}

/// Largest difference as a part of the largest number of `b`.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let largest = |t: &Tensor| f64::from(t.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap());
    largest(&(a - b).unwrap()) / largest(b)
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("written_files");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn files_of_every_kind_for_all_parts_come_back() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models/sd1");
    let drawn = tempfile::tempdir().unwrap();
    sdxl::write(drawn.path());
    let mut listed = Vec::new();
    for (name, folder) in [("sd1", golden.as_path()), ("sdxl", drawn.path())] {
        let layers = open(folder).check().unwrap().adaptable_layers;
        let model = open(folder).load(&Device::Cpu, DType::F32).unwrap();
        let base = computed(&model, &LoraSet::empty());
        let label = BaseLabel::of_model(&model.denoiser, &model.process).metadata();
        for kind in KINDS {
            let adapter = trained(&model, kind);
            let live = computed(&model, &adapter.frozen_set(1.0).unwrap());
            for (what, tensor) in &live {
                assert!(distance(tensor, &base[what]) > 1e-2, "{name} {kind} {what}: the adapter changes nothing");
            }
            write(&format!("{name}_{kind}_ours.safetensors"), &tensor_file::write(&live, &BTreeMap::new()).unwrap());
            let files =
                [("diffusers", save_diffusers(&adapter).unwrap()), ("kohya", save_kohya(&adapter, &label).unwrap())];
            for (format, bytes) in files {
                let file = format!("{name}_{kind}_{format}.safetensors");
                let set = load(&write(&file, &bytes), &layers, 1.0, &Device::Cpu).unwrap();
                assert_eq!(set.len(), adapter.modules.len(), "{file}");
                for (what, tensor) in computed(&model, &set) {
                    let error = distance(&tensor, &live[&what]);
                    println!("{file} {what}: {error:.1e}");
                    assert!(error < 1e-5, "{file} {what}: {error}");
                }
                let entry =
                    serde_json::json!({"model": name, "kind": kind.to_string(), "format": format, "file": file});
                // diffusers reads no LoHa and no LoKr; in its format they are for peft.
                if format == "kohya" || matches!(kind, AdapterKind::Lora | AdapterKind::Dora) {
                    listed.push(entry);
                }
            }
        }
    }
    write("files.json", serde_json::to_string_pretty(&listed).unwrap().as_bytes());
}
