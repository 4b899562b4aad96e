//! Every kind of adapter on every kind of layer: predictions and gradients as peft's and LyCORIS's, files that come
//! back, merged weights that predict the same.

#![allow(clippy::print_stdout)] // measured errors are worth reading

use candle_core::{DType, Device, Tensor, Var};
use runner::adapter::file::{Format, convert, inspect, load, save_diffusers, save_kohya};
use runner::adapter::{Adapter, Start};
use runner::choice::{AdapterKind, Targets};
use runner::models::config::UNetConfig;
use runner::models::delta::Tensors;
use runner::models::{AdaptableLayer, Delta, LoraSet, Recompute, UNet2DConditionModel};
use runner::tensors::{Weights, tensor_file};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn tensors(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden(name), &Device::Cpu).unwrap()
}

fn load_unet(weights: &Weights) -> UNet2DConditionModel {
    let config = UNetConfig::read(&golden("models/sd1/unet/config.json")).unwrap();
    UNet2DConditionModel::load(&config, weights, &Device::Cpu, DType::F32).unwrap()
}

fn unet() -> UNet2DConditionModel {
    load_unet(&Weights::open_folder(&golden("models/sd1/unet"), "diffusion_pytorch_model").unwrap())
}

/// Largest difference as a part of the largest number of `b`.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let largest =
        |t: &Tensor| f64::from(t.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap());
    largest(&(a.reshape(b.dims()).unwrap() - b).unwrap()) / largest(b)
}

fn predict(unet: &UNet2DConditionModel, inputs: &HashMap<String, Tensor>, set: &LoraSet) -> Tensor {
    let times = inputs["timesteps"].to_vec1::<f32>().unwrap();
    unet.forward(&inputs["latents"], &times, &inputs["context"].clone().into(), set).unwrap()
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adapter_kinds");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The files of tests/golden/adapters.
const FILES: [&str; 12] = [
    "lora.safetensors",
    "dora.safetensors",
    "lokr/adapter_model.safetensors",
    "lokr_tucker/adapter_model.safetensors",
    "loha/adapter_model.safetensors",
    "locon_tucker.safetensors",
    "locon_dora.safetensors",
    "locon_dora_in.safetensors",
    "loha_tucker.safetensors",
    "lokr_dora.safetensors",
    "locon_fp8.safetensors",
    "lokr_fp8.safetensors",
];

fn name(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

#[test]
fn files_of_peft_diffusers_and_lycoris_predict_what_those_predict() {
    let (unet, inputs, expected) =
        (unet(), tensors("models/sd1.safetensors"), tensors("adapters/expected.safetensors"));
    let layers = unet.adaptable_layers(Targets::All);
    for file in FILES {
        let path = golden("adapters").join(file);
        let set = load(&path, &layers, 1.0, &Device::Cpu).unwrap();
        assert_eq!(set.len(), 9, "{file}");
        let error = distance(&predict(&unet, &inputs, &set), &expected[&format!("{}.prediction", name(file))]);
        println!("{file}: {error:.1e}");
        assert!(error < 2e-5, "{file}: {error}");
        // At strength 0 it is the base model.
        let off = load(&path, &layers, 0.0, &Device::Cpu).unwrap();
        assert!(distance(&predict(&unet, &inputs, &off), &expected["base.prediction"]) < 2e-5, "{file}");
    }
}

#[test]
fn gradients_are_those_of_peft() {
    let (unet, inputs, expected) =
        (unet(), tensors("models/sd1.safetensors"), tensors("adapters/expected.safetensors"));
    let layers = unet.adaptable_layers(Targets::All);
    let times = inputs["timesteps"].to_vec1::<f32>().unwrap();
    for file in &FILES[..5] {
        let frozen = load(&golden("adapters").join(file), &layers, 1.0, &Device::Cpu).unwrap();
        let tracked = |tensors: &Tensors| -> Tensors {
            tensors.iter().map(|(name, tensor)| (*name, Var::from_tensor(tensor).unwrap().into_inner())).collect()
        };
        let delta = |delta: &Delta| Delta::new(delta.kind, tracked(&delta.tensors), delta.scale);
        let set: LoraSet = frozen.iter().map(|(name, of)| (name.to_owned(), delta(of))).collect();
        for recompute in [Recompute::Nothing, Recompute::Blocks] {
            let loss = |p: &Tensor| (p - &inputs["target"])?.sqr()?.mean_all();
            let (latents, context) = (&inputs["latents"], inputs["context"].clone().into());
            let result = unet.loss_and_gradients(latents, &times, &context, &set, recompute, loss).unwrap();
            let error = distance(&result.loss, &expected[&format!("{}.loss", name(file))]);
            assert!(error < 1e-5, "{file} {recompute:?} loss {error}");
            let prefix = format!("{}.grad.", name(file));
            assert_eq!(
                result.gradients.len(),
                expected.keys().filter(|key| key.starts_with(&prefix)).count(),
                "{file}"
            );
            let of = |(tensor, gradient): (&String, &Tensor)| {
                (distance(gradient, &expected[&format!("{prefix}{tensor}")]), tensor.clone())
            };
            let (error, tensor) = result.gradients.iter().map(of).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            println!("{file} {recompute:?}: worst gradient {error:.1e}");
            assert!(error < 1e-4, "{file} {recompute:?} {tensor}: {error}");
        }
    }
}

const KINDS: [AdapterKind; 4] = [AdapterKind::Lora, AdapterKind::Loha, AdapterKind::Lokr, AdapterKind::Dora];

/// An adapter of every layer of the model as it begins.
fn begun(unet: &UNet2DConditionModel, kind: AdapterKind) -> Adapter {
    let (norms, layers) = (unet.weight_norms(Targets::All).unwrap(), unet.adaptable_layers(Targets::All));
    let start = Start { kind, rank: 2, alpha: 3.0, seed: 7, lokr_factor: None, norms: &norms };
    Adapter::begin(&start, &layers, &Device::Cpu).unwrap()
}

/// The same as if it had been trained.
fn trained(unet: &UNet2DConditionModel, kind: AdapterKind) -> Adapter {
    let adapter = begun(unet, kind);
    for (seed, (_, variable)) in adapter.variables().enumerate() {
        let noise = runner::sampling::noise::TorchRng::new(seed as u64).randn_tensor(variable.dims()).unwrap();
        variable.set(&(variable.as_tensor() + (noise * 0.1).unwrap()).unwrap()).unwrap();
    }
    adapter
}

#[test]
fn a_new_adapter_of_any_kind_changes_nothing() {
    let (unet, inputs) = (unet(), tensors("models/sd1.safetensors"));
    let base = predict(&unet, &inputs, &LoraSet::empty());
    for kind in KINDS {
        let error = distance(&predict(&unet, &inputs, &begun(&unet, kind).frozen_set(1.0).unwrap()), &base);
        assert!(error < 1e-5, "{kind}: {error}");
    }
    let layers = unet.adaptable_layers(Targets::All);
    let error = Adapter::init(AdapterKind::Dora, &layers, 2, 2.0, 0, &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("norms of"), "{error}");
}

/// `lokr_fp8.safetensors` is what LyCORIS made with `factor=4`.
#[test]
fn a_lokr_with_a_factor_has_the_shapes_of_lycoris() {
    // candle does not read these numbers; the header has the shapes.
    let bytes = std::fs::read(golden("adapters/lokr_fp8.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let shape = |tensor: &serde_json::Value| serde_json::from_value::<Vec<usize>>(tensor["shape"].clone()).ok();
    let file: BTreeMap<String, Vec<usize>> =
        header.iter().filter_map(|(name, tensor)| Some((name.clone(), shape(tensor)?))).collect();
    let flat = |layer: &AdaptableLayer| format!("lora_unet_{}", layer.name.replace('.', "_"));
    let named = |layer: &AdaptableLayer| file.contains_key(&format!("{}.alpha", flat(layer)));
    let layers: Vec<_> = unet().adaptable_layers(Targets::All).into_iter().filter(named).collect();
    assert_eq!(layers.len(), 9);
    let shapes = |lokr_factor| {
        let kind = AdapterKind::Lokr;
        let start = Start { kind, rank: 2, alpha: 3.0, seed: 7, lokr_factor, norms: &BTreeMap::new() };
        let adapter = Adapter::begin(&start, &layers, &Device::Cpu).unwrap();
        let bytes = save_kohya(&adapter, &BTreeMap::new()).unwrap();
        let written = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
        written.into_iter().map(|(name, tensor)| (name, tensor.dims().to_vec())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(shapes(Some(4)), file);
    assert_ne!(shapes(None), file);
}

/// The base model's weights with the adapter in them.
fn merged(adapter: &Adapter) -> UNet2DConditionModel {
    let folder = golden("models/sd1/unet");
    let mut weights =
        candle_core::safetensors::load(folder.join("diffusion_pytorch_model.safetensors"), &Device::Cpu).unwrap();
    for (name, delta) in adapter.frozen_set(1.0).unwrap().iter() {
        let weight = weights.get_mut(&format!("{name}.weight")).unwrap();
        let update = delta.update().unwrap().reshape(weight.dims()).unwrap();
        let changed = (weight.to_dtype(DType::F32).unwrap() + update).unwrap();
        *weight = match delta.tensors.get("magnitude") {
            None => changed,
            Some(lengths) => {
                let rows = changed.flatten_from(1).unwrap();
                let norms = rows.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap();
                let factors = lengths.unsqueeze(1).unwrap().div(&norms).unwrap();
                rows.broadcast_mul(&factors).unwrap().reshape(changed.dims()).unwrap()
            }
        };
    }
    let bytes = tensor_file::write(&weights.into_iter().collect(), &BTreeMap::new()).unwrap();
    load_unet(&Weights::open(&write(&format!("merged_{}.safetensors", adapter.kind), &bytes)).unwrap())
}

#[test]
fn merged_unmerged_saved_and_converted_adapters_predict_the_same() {
    let (unet, inputs) = (unet(), tensors("models/sd1.safetensors"));
    let layers = unet.adaptable_layers(Targets::All);
    let base = predict(&unet, &inputs, &LoraSet::empty());
    let mut ours = BTreeMap::new();
    for kind in KINDS {
        let adapter = trained(&unet, kind);
        let live = predict(&unet, &inputs, &adapter.frozen_set(1.0).unwrap());
        assert!(distance(&live, &base) > 1e-2, "{kind}");
        let error = distance(&predict(&merged(&adapter), &inputs, &LoraSet::empty()), &live);
        println!("{kind}: merged {error:.1e}");
        assert!(error < 2e-5, "{kind}: merged {error}");
        let diffusers = write(&format!("{kind}_diffusers.safetensors"), &save_diffusers(&adapter).unwrap());
        let kohya = write(&format!("{kind}_kohya.safetensors"), &save_kohya(&adapter, &BTreeMap::new()).unwrap());
        let to_kohya = write(&format!("{kind}_to_kohya.safetensors"), &convert(&diffusers, Format::Kohya).unwrap());
        let back = write(&format!("{kind}_back.safetensors"), &convert(&to_kohya, Format::Diffusers).unwrap());
        for path in [&diffusers, &kohya, &to_kohya, &back] {
            let set = load(path, &layers, 1.0, &Device::Cpu).unwrap();
            assert_eq!(set.len(), layers.len());
            let error = distance(&predict(&unet, &inputs, &set), &live);
            assert!(error < 1e-5, "{kind} {}: {error}", path.display());
            let summary = inspect(path).unwrap();
            assert_eq!(summary.kinds.into_iter().collect::<Vec<_>>(), [kind], "{}", path.display());
            assert!(summary.other_tensors.is_empty(), "{:?}", summary.other_tensors);
        }
        // There and back, and once more: the same bytes.
        let again = write(&format!("{kind}_again.safetensors"), &convert(&back, Format::Kohya).unwrap());
        let bytes = |path: &PathBuf| std::fs::read(path).unwrap();
        assert!(convert(&again, Format::Diffusers).unwrap() == bytes(&back), "{kind}");
        assert!(bytes(&again) == bytes(&to_kohya), "{kind}");
        ours.insert(kind.to_string(), live);
    }
    // For check_files.py.
    write("ours.safetensors", &tensor_file::write(&ours, &BTreeMap::new()).unwrap());
}

#[test]
fn all_layers_of_the_network_can_be_changed() {
    let unet = unet();
    let layers = unet.adaptable_layers(Targets::All);
    let weights =
        candle_core::safetensors::load(golden("models/sd1/unet/diffusion_pytorch_model.safetensors"), &Device::Cpu)
            .unwrap();
    // What is not changed: norms, biases, and what lies before and behind the blocks.
    let others = ["conv_in.", "conv_out.", "time_embedding."];
    let expected: BTreeMap<String, Vec<usize>> = weights
        .iter()
        .filter(|(name, tensor)| tensor.rank() > 1 && !others.iter().any(|other| name.starts_with(other)))
        .map(|(name, tensor)| (name.strip_suffix(".weight").unwrap().to_owned(), tensor.dims().to_vec()))
        .collect();
    let dims = |layer: &AdaptableLayer| {
        let window = layer.window.map(|(height, width)| vec![height, width]).unwrap_or_default();
        [vec![layer.out_features, layer.in_features], window].concat()
    };
    let ours: BTreeMap<String, Vec<usize>> = layers.iter().map(|layer| (layer.name.clone(), dims(layer))).collect();
    assert_eq!(ours, expected);
}
