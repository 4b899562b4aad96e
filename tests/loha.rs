//! LoHa: predictions, gradients and files as peft's and LyCORIS's.

#![allow(clippy::print_stdout)] // measured errors are worth reading

use candle_core::{DType, Device, Tensor};
use runner::adapter::Adapter;
use runner::adapter::file::{Format, convert, inspect, load, save_diffusers, save_kohya};
use runner::choice::{AdapterKind, Targets};
use runner::models::config::UNetConfig;
use runner::models::delta::Tensors;
use runner::models::{Delta, LoraSet, Recompute, UNet2DConditionModel};
use runner::tensors::Weights;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn tensors(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden(name), &Device::Cpu).unwrap()
}

fn unet() -> UNet2DConditionModel {
    let folder = golden("models/sd1/unet");
    let config = UNetConfig::read(&folder.join("config.json")).unwrap();
    let weights = Weights::open_folder(&folder, "diffusion_pytorch_model").unwrap();
    UNet2DConditionModel::load(&config, &weights, &Device::Cpu, DType::F32).unwrap()
}

/// Largest difference as a part of the largest number of `b`.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let largest =
        |t: &Tensor| f64::from(t.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap());
    largest(&(a - b).unwrap()) / largest(b)
}

fn predict(unet: &UNet2DConditionModel, inputs: &HashMap<String, Tensor>, set: &LoraSet) -> Tensor {
    let times = inputs["timesteps"].to_vec1::<f32>().unwrap();
    unet.forward(&inputs["latents"], &times, &inputs["context"].clone().into(), set).unwrap()
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loha");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The adapter of the golden files, trainable.
fn adapter(unet: &UNet2DConditionModel) -> Adapter {
    let layers = unet.adaptable_layers(Targets::Attention);
    let adapter = Adapter::init(AdapterKind::Loha, &layers, 2, 3.0, 0, &Device::Cpu).unwrap();
    let saved = tensors("loha/peft/adapter_model.safetensors");
    for (name, variable) in adapter.variables() {
        let (layer, tensor) = name.rsplit_once('.').unwrap();
        variable.set(&saved[&format!("base_model.model.{layer}.hada_{tensor}")]).unwrap();
    }
    adapter
}

#[test]
fn a_new_adapter_changes_nothing() {
    let (unet, inputs) = (unet(), tensors("models/sd1.safetensors"));
    let layers = unet.adaptable_layers(Targets::Attention);
    let adapter = Adapter::init(AdapterKind::Loha, &layers, 2, 2.0, 0, &Device::Cpu).unwrap();
    let numbers: usize = layers.iter().map(|layer| 2 * 2 * (layer.in_features + layer.out_features)).sum();
    assert_eq!(adapter.variables().map(|(_, variable)| variable.elem_count()).sum::<usize>(), numbers);
    let base = predict(&unet, &inputs, &LoraSet::empty());
    assert!(distance(&predict(&unet, &inputs, &adapter.frozen_set(1.0).unwrap()), &base) < 1e-6);
}

#[test]
fn predictions_and_gradients_equal_pefts() {
    let (unet, inputs) = (unet(), tensors("models/sd1.safetensors"));
    let expected = tensors("loha/expected.safetensors");
    let adapter = adapter(&unet);
    let prediction = predict(&unet, &inputs, &adapter.frozen_set(1.0).unwrap());
    let error = distance(&prediction, &expected["prediction"]);
    println!("prediction {error:.1e}");
    assert!(error < 1e-5, "{error}");
    let times = inputs["timesteps"].to_vec1::<f32>().unwrap();
    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        let loss = |p: &Tensor| (p - &inputs["target"])?.sqr()?.mean_all();
        let (latents, context) = (&inputs["latents"], inputs["context"].clone().into());
        let set = adapter.tracked_set();
        let result = unet.loss_and_gradients(latents, &times, &context, &set, recompute, loss).unwrap();
        let error = distance(&result.loss, &expected["loss"]);
        assert!(error < 1e-5, "{recompute:?} loss {error}");
        assert_eq!(result.gradients.len(), 4 * unet.adaptable_layers(Targets::Attention).len());
        let worst = result
            .gradients
            .iter()
            .map(|(name, gradient)| (distance(gradient, &expected[&format!("grad.{name}")]), name));
        let (error, name) = worst.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        println!("{recompute:?}: worst gradient {error:.1e}");
        assert!(error < 1e-3, "{recompute:?} {name}: {error}");
    }
}

#[test]
fn files_of_peft_lycoris_and_ours_predict_the_same() {
    let (unet, inputs) = (unet(), tensors("models/sd1.safetensors"));
    let expected = &tensors("loha/expected.safetensors")["prediction"];
    let (layers, adapter) = (unet.adaptable_layers(Targets::Attention), adapter(&unet));
    let (peft, kohya) = (golden("loha/peft/adapter_model.safetensors"), golden("loha/kohya.safetensors"));
    let ours = write("ours.safetensors", &save_diffusers(&adapter).unwrap());
    let ours_kohya = write("ours_kohya.safetensors", &save_kohya(&adapter, &BTreeMap::new()).unwrap());
    let converted = write("converted.safetensors", &convert(&kohya, Format::Diffusers).unwrap());
    let back = write("back.safetensors", &convert(&peft, Format::Kohya).unwrap());
    for path in [&peft, &kohya, &ours, &ours_kohya, &converted, &back] {
        let set = load(path, &layers, 1.0, &Device::Cpu).unwrap();
        let error = distance(&predict(&unet, &inputs, &set), expected);
        println!("{}: {error:.1e}", path.display());
        assert!(error < 2e-5, "{}: {error}", path.display());
    }
    // Names, shapes and numbers of a kohya file are LyCORIS's.
    let load = |path: &Path| candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    let (ours, theirs) = (load(&ours_kohya), load(&kohya));
    assert_eq!(ours.len(), theirs.len());
    for (name, tensor) in &theirs {
        assert_eq!((ours[name].dims(), distance(&ours[name], tensor)), (tensor.dims(), 0.0), "{name}");
    }
    let summary = inspect(&kohya).unwrap();
    assert_eq!(summary.kinds.iter().map(|kind| kind.title()).collect::<Vec<_>>(), ["LoHa"]);
    assert_eq!((summary.modules.len(), summary.ranks.as_slice()), (layers.len(), [2].as_slice()));
    assert!(summary.other_tensors.is_empty());
    let metadata = inspect(&ours_kohya).unwrap().metadata;
    assert_eq!(metadata["ss_network_module"], "lycoris.kohya");
    assert!(metadata["ss_network_args"].contains("loha"));
}

#[test]
fn two_kinds_of_adapters_add_up() {
    let (unet, inputs) = (unet(), tensors("models/sd1.safetensors"));
    let layer = unet.adaptable_layers(Targets::Attention).remove(0);
    let randn = |seed, shape: &[usize]| runner::sampling::noise::TorchRng::new(seed).randn_tensor(shape).unwrap();
    let (input, output) = (layer.in_features, layer.out_features);
    let delta = |kind, tensors| Delta::new(kind, tensors, 0.5);
    let lora = Tensors::from([("down", randn(1, &[3, input])), ("up", randn(2, &[output, 3]))]);
    let lora = delta(AdapterKind::Lora, lora);
    let names = ["w1_a", "w1_b", "w2_a", "w2_b"];
    let shapes = [[output, 2], [2, input], [output, 2], [2, input]];
    let loha = names.iter().zip(shapes).zip(3..).map(|((name, shape), seed)| (*name, randn(seed, &shape))).collect();
    let loha = delta(AdapterKind::Loha, loha);
    let set = |delta: &Delta| LoraSet::from_iter([(layer.name.clone(), delta.clone())]);
    let both = set(&lora).plus(set(&loha));
    let lone = [predict(&unet, &inputs, &set(&lora)), predict(&unet, &inputs, &set(&loha))];
    assert!(lone.iter().all(|one| distance(&predict(&unet, &inputs, &both), one) > 1e-3));
    let base = predict(&unet, &inputs, &LoraSet::empty());
    assert!(distance(&predict(&unet, &inputs, &both), &base) > 1e-3);
}
