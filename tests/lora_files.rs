//! Adapter files: what diffusers, peft and kohya write loads and predicts what diffusers predicts; what we write has
//! their names; what does not fit is refused by name.

#![allow(clippy::print_stdout, clippy::print_stderr)] // measured errors are worth reading

use candle_core::{DType, Device, Tensor};
use runner::adapter::Adapter;
use runner::adapter::file::{Format, LoraFileError, convert, inspect, load, save_diffusers, save_kohya};
use runner::choice::{AdapterKind, Guidance, PromptOptions, Sampler, Sampling, Targets};
use runner::models::LoraSet;
use runner::models::Parts;
use runner::models::UNet2DConditionModel;
use runner::models::config::UNetConfig;
use runner::models::{AdaptableLayer, Role, Tokens};
use runner::pipeline::{ImageRequest, generate};
use runner::tensors::Weights;
use runner::tensors::tensor_file;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn unet() -> UNet2DConditionModel {
    let folder = golden("models/sd1/unet");
    let config = UNetConfig::read(&folder.join("config.json")).unwrap();
    let weights = Weights::open_folder(&folder, "diffusion_pytorch_model").unwrap();
    UNet2DConditionModel::load(&config, &weights, &Device::Cpu, DType::F32).unwrap()
}

fn expected() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden("lora_files/expected.safetensors"), &Device::Cpu).unwrap()
}

fn predict(unet: &UNet2DConditionModel, inputs: &HashMap<String, Tensor>, lora: &LoraSet) -> Tensor {
    unet.forward(&inputs["latents"], &[40.0, 800.0], &inputs["context"].clone().into(), lora).unwrap()
}

/// Largest difference as a part of the largest number of `b`.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let largest = |t: &Tensor| f64::from(t.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap());
    largest(&(a - b).unwrap()) / largest(b)
}

fn bytes_of(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let tensors = tensors
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), Tensor::ones(*shape, DType::F32, &Device::Cpu).unwrap()))
        .collect();
    tensor_file::write(&tensors, &BTreeMap::new()).unwrap()
}

/// A trained-looking adapter whose alpha is not its rank.
fn adapter(modules: &[AdaptableLayer]) -> Adapter {
    let adapter = Adapter::init(AdapterKind::Lora, modules, 3, 2.0, 11, &Device::Cpu).unwrap();
    let other = Adapter::init(AdapterKind::Lora, modules, 3, 2.0, 12, &Device::Cpu).unwrap();
    for (name, module) in &adapter.modules {
        let numbers = other.modules[name].tensors["down"].flatten_all().unwrap();
        let up = &module.tensors["up"];
        let (out, rank) = up.dims2().unwrap();
        let numbers = numbers.repeat(3).unwrap().narrow(0, 0, out * rank).unwrap();
        up.set(&numbers.reshape((out, rank)).unwrap()).unwrap();
    }
    adapter
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lora_files");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn files_of_diffusers_peft_and_kohya_predict_what_diffusers_predicts() {
    let (unet, expected) = (unet(), expected());
    assert!(distance(&predict(&unet, &expected, &LoraSet::empty()), &expected["base"]) < 2e-5);
    let names = ["diffusers", "old", "metadata", "ranks", "kohya", "kohya_mixed", "peft"];
    for name in names {
        let file = if name == "peft" { "peft/adapter_model.safetensors".into() } else { format!("{name}.safetensors") };
        let path = golden("lora_files").join(file);
        let set = load(&path, &unet.adaptable_layers(Targets::Attention), 1.0, &Device::Cpu).unwrap();
        assert_eq!(set.len(), unet.adaptable_layers(Targets::Attention).len(), "{name}");
        let error = distance(&predict(&unet, &expected, &set), &expected[name]);
        println!("{name}: {error:.1e}");
        assert!(error < 2e-5, "{name}: {error}");
        // At strength 0 it is the base model.
        let off = load(&path, &unet.adaptable_layers(Targets::Attention), 0.0, &Device::Cpu).unwrap();
        assert!(distance(&predict(&unet, &expected, &off), &expected["base"]) < 2e-5, "{name}");
    }
}

#[test]
fn our_files_have_the_names_diffusers_and_kohya_use() {
    let keys: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&std::fs::read_to_string(golden("lora_files/keys.json")).unwrap()).unwrap();
    let adapter = adapter(&unet().adaptable_layers(Targets::Attention));
    let bytes = [save_diffusers(&adapter).unwrap(), save_kohya(&adapter, &BTreeMap::new()).unwrap()];
    for (format, bytes) in ["diffusers", "kohya"].into_iter().zip(&bytes) {
        let mut names: Vec<String> =
            safetensors::SafeTensors::deserialize(bytes).unwrap().names().into_iter().map(str::to_owned).collect();
        names.sort();
        assert_eq!(names, keys[format]);
    }
    let metadata = |bytes: &[u8]| {
        let (_, header) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
        header.metadata().clone().unwrap()
    };
    let ours = metadata(&bytes[0]);
    assert_eq!((ours.len(), ours["format"].as_str()), (2, "pt"));
    let peft: serde_json::Value = serde_json::from_str(&ours["lora_adapter_metadata"]).unwrap();
    // The scale is in the tensors, so alpha is the rank.
    assert_eq!((&peft["unet.r"], &peft["unet.lora_alpha"]), (&3.into(), &3.into()));
    assert_eq!(peft["unet.target_modules"].as_array().unwrap().len(), adapter.modules.len());
    let kohya = metadata(&bytes[1]);
    assert_eq!((kohya["ss_network_dim"].as_str(), kohya["ss_network_alpha"].as_str()), ("3", "2"));
    let own = BTreeMap::from([("ss_base_model_version".to_owned(), "sd_v2".to_owned())]);
    assert_eq!(metadata(&save_kohya(&adapter, &own).unwrap())["ss_base_model_version"], "sd_v2");
}

#[test]
fn saved_converted_and_merged_adapters_predict_the_same() {
    let (unet, inputs) = (unet(), expected());
    let modules = unet.adaptable_layers(Targets::Attention);
    let adapter = adapter(&modules);
    let live = predict(&unet, &inputs, &adapter.frozen_set(1.0).unwrap());
    assert!(distance(&live, &inputs["base"]) > 0.05);
    let diffusers = write("pytorch_lora_weights.safetensors", &save_diffusers(&adapter).unwrap());
    let kohya = write("kohya.safetensors", &save_kohya(&adapter, &BTreeMap::new()).unwrap());
    let to_kohya = write("to_kohya.safetensors", &convert(&diffusers, Format::Kohya).unwrap());
    let to_diffusers = write("to_diffusers.safetensors", &convert(&kohya, Format::Diffusers).unwrap());
    let there_and_back = convert(&to_kohya, Format::Diffusers).unwrap();
    for path in [&diffusers, &kohya, &to_kohya, &to_diffusers] {
        let set = load(path, &modules, 1.0, &Device::Cpu).unwrap();
        assert!(distance(&predict(&unet, &inputs, &set), &live) < 1e-5, "{}", path.display());
    }
    let tensors = |bytes: &[u8]| {
        let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
        file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(tensors(&there_and_back), tensors(&std::fs::read(&diffusers).unwrap()));

    // W + scale · B A as an ordinary weight.
    let folder = golden("models/sd1/unet");
    let mut weights =
        candle_core::safetensors::load(folder.join("diffusion_pytorch_model.safetensors"), &Device::Cpu).unwrap();
    for (name, delta) in adapter.frozen_set(1.0).unwrap().iter() {
        let weight = weights.get_mut(&format!("{name}.weight")).unwrap();
        let update = delta.update().unwrap().reshape(weight.dims()).unwrap();
        *weight = (weight.to_dtype(DType::F32).unwrap() + update).unwrap();
    }
    let merged =
        write("merged.safetensors", &tensor_file::write(&weights.into_iter().collect(), &BTreeMap::new()).unwrap());
    let config = UNetConfig::read(&folder.join("config.json")).unwrap();
    let merged =
        UNet2DConditionModel::load(&config, &Weights::open(&merged).unwrap(), &Device::Cpu, DType::F32).unwrap();
    assert!(distance(&predict(&merged, &inputs, &LoraSet::empty()), &live) < 1e-5);

    // For check_file.py: what we compute and draw with the adapter.
    let model = Parts::open(&golden("models/sd1")).and_then(|parts| parts.load(&Device::Cpu, DType::F32)).unwrap();
    let request = ImageRequest {
        prompt: "a red house on the beach",
        negative_prompt: "",
        seeds: &[7],
        width: 48,
        height: 32,
        sampling: Sampling::new(Sampler::Ddim, 7),
        reading: PromptOptions::default(),
        guidance: Guidance::new(5.0),
        batch_size: 1,
    };
    let draw = |set: &LoraSet| {
        let picture = generate(&model, &request, set, &mut |_, _| ControlFlow::Continue(())).unwrap().remove(0);
        Tensor::from_vec(picture.into_raw(), (32, 48, 3), &Device::Cpu).unwrap()
    };
    let [picture, again, base] = [
        draw(&adapter.frozen_set(1.0).unwrap()),
        draw(&load(&diffusers, &modules, 1.0, &Device::Cpu).unwrap()),
        draw(&LoraSet::empty()),
    ];
    let pixels = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<u8>().unwrap();
    assert!(pixels(&picture).iter().zip(pixels(&again)).all(|(a, b)| a.abs_diff(b) <= 1));
    assert_ne!(pixels(&picture), pixels(&base));
    let out = [("prediction", live), ("picture", picture), ("base", base)].map(|(k, t)| (k.to_owned(), t)).into();
    write("ours.safetensors", &tensor_file::write(&out, &BTreeMap::new()).unwrap());
}

#[test]
fn an_adapter_with_zero_b_is_the_base_model_to_the_bit() {
    let (unet, inputs) = (unet(), expected());
    let fresh = Adapter::init(AdapterKind::Lora, &unet.adaptable_layers(Targets::Attention), 4, 4.0, 0, &Device::Cpu)
        .unwrap()
        .frozen_set(1.0)
        .unwrap();
    let bits = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(bits(&predict(&unet, &inputs, &fresh)), bits(&predict(&unet, &inputs, &LoraSet::empty())));
}

#[test]
fn tensors_that_would_not_be_applied_are_named() {
    let module = AdaptableLayer {
        name: "mid_block.attentions.0.transformer_blocks.0.attn1.to_q".into(),
        in_features: 8,
        out_features: 6,
        window: None,
        tokens: Tokens::Grid(2),
        role: Role::Attention,
    };
    let other =
        AdaptableLayer { name: "mid_block.attentions.0.transformer_blocks.0.attn1.to_v".into(), ..module.clone() };
    let (down, up) = (format!("unet.{}.lora.down.weight", module.name), format!("unet.{}.lora.up.weight", module.name));
    let good: [(&str, &[usize]); 2] = [(&down, &[2, 8]), (&up, &[6, 2])];
    let modules = [module.clone(), other];
    let try_load =
        |name: &str, tensors: &[(&str, &[usize])]| load(&write(name, &bytes_of(tensors)), &modules, 1.0, &Device::Cpu);
    assert_eq!(try_load("good.safetensors", &good).unwrap().len(), 1);
    let flat = format!("lora_unet_{}", module.name.replace('.', "_"));
    let (flat_down, flat_up) = (format!("{flat}.lora_down.weight"), format!("{flat}.lora_up.weight"));
    let other_down = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_v.lora.down.weight";
    let cases: [(&str, &[usize], &str); 9] = [
        (
            "unet.mid_block.attentions.0.proj_in.lora.down.weight",
            &[2, 8],
            "no adaptable layer mid_block.attentions.0.proj_in",
        ),
        (
            "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight",
            &[2, 8],
            "text encoder",
        ),
        ("lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha", &[], "text encoder"),
        ("lora_unet_x.dora_scale", &[1, 8], "no adaptable layer x"),
        ("lora_unet_x.oft_blocks", &[1, 8], "OFT"),
        (other_down, &[2, 8], "the up (B) matrix, is missing"),
        (&flat_down, &[2, 8], "twice"),
        ("model.diffusion_model.out.2.bias", &[4], "not a tensor of a LoRA"),
        ("unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_v.lora.down.bias", &[4], "not a tensor of a LoRA"),
    ];
    for (place, (name, shape, reason)) in cases.into_iter().enumerate() {
        let tensors = [good[0], good[1], (name, shape)];
        let error = try_load(&format!("bad{place}.safetensors"), &tensors).unwrap_err();
        let LoraFileError::NotApplied { tensors, .. } = &error else { panic!("{name}: {error}") };
        assert_eq!((tensors.of, tensors.tensors.len()), (3, 1), "{error}");
        let text = error.to_string();
        assert!(text.contains("1 of 3 tensors") && text.contains(name) && text.contains(reason), "{text}");
    }
    let shapes: [(&[usize], &[usize], &str); 6] = [
        (&[2, 5], &[6, 2], "another architecture: a layer 5 → 6, but this model's is 8 → 6"),
        (&[2, 8], &[7, 2], "another architecture"),
        (&[2, 8], &[6, 3], "rank 2"),
        (&[0, 8], &[6, 0], "rank 0"),
        (&[2, 8, 3, 3], &[6, 2, 1, 1], "3×3"),
        (&[16], &[6, 2], "not two dimensions"),
    ];
    for (place, (down_shape, up_shape, reason)) in shapes.into_iter().enumerate() {
        for names in [(&down, &up), (&flat_down, &flat_up)] {
            let tensors: [(&str, &[usize]); 2] = [(names.0, down_shape), (names.1, up_shape)];
            let text = try_load(&format!("shape{place}.safetensors"), &tensors).unwrap_err().to_string();
            assert!(text.contains(reason) && text.contains(names.0.as_str()), "{text}");
        }
    }
    let hada = format!("{flat}.hada_w1_a");
    let text = try_load("two-kinds.safetensors", &[(&flat_down, &[2, 8]), (&flat_up, &[6, 2]), (&hada, &[6, 2])]);
    let text = text.unwrap_err().to_string();
    assert!(text.contains("several kinds of adapter: LoRA and LoHa"), "{text}");
    let many: Vec<String> = (0..37).map(|i| format!("unet.block{i:02}.to_q.lora.down.weight")).collect();
    let shape: &[usize] = &[2, 8];
    let tensors: Vec<_> = many.iter().map(|name| (name.as_str(), shape)).collect();
    let text = try_load("many.safetensors", &tensors).unwrap_err().to_string();
    assert!(text.contains("37 of 37") && text.contains("block09") && !text.contains("block10"), "{text}");
    assert!(text.ends_with("… and 27 more"), "{text}");
}

#[test]
fn numbers_that_are_not_finite_and_odd_alphas_are_refused() {
    let module = AdaptableLayer {
        name: "mid_block.to_q".into(),
        in_features: 2,
        out_features: 2,
        window: None,
        tokens: Tokens::Context,
        role: Role::Attention,
    };
    let file = |up: f32, alpha: &[f32]| {
        let matrix = |x: f32| Tensor::new(&[[1f32, x], [0., 1.]], &Device::Cpu).unwrap();
        let tensors = BTreeMap::from([
            ("lora_unet_mid_block_to_q.lora_down.weight".to_owned(), matrix(1.0)),
            ("lora_unet_mid_block_to_q.lora_up.weight".to_owned(), matrix(up)),
            ("lora_unet_mid_block_to_q.alpha".to_owned(), Tensor::new(alpha, &Device::Cpu).unwrap()),
        ]);
        tensor_file::write(&tensors, &BTreeMap::new()).unwrap()
    };
    let scale = |name: &str, up: f32, alpha: &[f32]| {
        let set = load(&write(name, &file(up, alpha)), std::slice::from_ref(&module), 0.5, &Device::Cpu);
        set.map(|set| set.get("mid_block.to_q")[0].factor()).map_err(|e| e.to_string())
    };
    assert_eq!(scale("alpha.safetensors", 1.0, &[8.0]), Ok(2.0));
    assert_eq!(scale("alpha.safetensors", 1.0, &[0.0]), Ok(0.5));
    assert!(scale("alpha.safetensors", 1.0, &[f32::NAN]).unwrap_err().contains("alpha is NaN"));
    assert!(scale("alpha.safetensors", 1.0, &[1.0, 2.0]).unwrap_err().contains("single number"));
    assert!(scale("alpha.safetensors", f32::INFINITY, &[1.0]).unwrap_err().contains("NaN or infinite"));
}

#[test]
fn unreadable_files_are_errors_with_the_path() {
    let load = |path: &Path| load(path, &[], 1.0, &Device::Cpu).unwrap_err().to_string();
    assert!(load(Path::new("/no/such/file.safetensors")).contains("/no/such/file.safetensors"));
    assert!(load(&write("text.safetensors", b"not a safetensors file at all")).contains("not a safetensors file"));
    assert!(load(&write("empty.safetensors", b"")).contains("empty"));
    assert!(load(&write("none.safetensors", &bytes_of(&[]))).contains("no tensors"));
}

#[test]
fn inspect_needs_no_model() {
    let summary = inspect(&golden("lora_files/kohya_mixed.safetensors")).unwrap();
    assert_eq!((summary.formats.as_slice(), summary.ranks.as_slice()), (["kohya"].as_slice(), [2].as_slice()));
    assert_eq!(summary.metadata["ss_base_model_version"], "sd_v1-5");
    assert!(summary.other_tensors.is_empty());
    let names: Vec<_> = summary.modules.iter().map(|m| m.name.clone()).collect();
    let expected: Vec<_> = unet().adaptable_layers(Targets::Attention).into_iter().map(|m| m.name).collect();
    assert_eq!(names, expected);
    let parameters: usize =
        unet().adaptable_layers(Targets::Attention).iter().map(|m| 2 * (m.in_features + m.out_features)).sum();
    assert_eq!(summary.parameters, parameters as u64);

    // The norm of the whole update, against the product itself.
    let modules = unet().adaptable_layers(Targets::Attention);
    let adapter = adapter(&modules);
    let summary = inspect(&write("norms.safetensors", &save_kohya(&adapter, &BTreeMap::new()).unwrap())).unwrap();
    let module = &summary.modules[3];
    let set = adapter.frozen_set(1.0).unwrap();
    let update = set.get(&module.name)[0].update().unwrap();
    let norm = update.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
    assert!((module.update_norm / f64::from(norm) - 1.0).abs() < 1e-5);
    assert_eq!((module.rank, module.alpha), (Some(3), Some(2.0)));

    let incomplete = inspect(&write(
        "half.safetensors",
        &bytes_of(&[("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora.up.weight", &[3, 1])]),
    ))
    .unwrap();
    assert!(incomplete.modules.is_empty() && incomplete.other_tensors[0].1.contains("down (A)"));
}

#[test]
fn conversion_carries_the_text_encoder_and_the_type_of_numbers() {
    let tensor = |shape: &[usize]| Tensor::ones(shape, DType::F16, &Device::Cpu).unwrap();
    let layer = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer";
    let tensors = BTreeMap::from([
        (format!("{layer}.down.weight"), tensor(&[2, 4])),
        (format!("{layer}.up.weight"), tensor(&[4, 2])),
    ]);
    let metadata = BTreeMap::from([("title".to_owned(), "x".to_owned())]);
    let path = write("text_half.safetensors", &tensor_file::write(&tensors, &metadata).unwrap());
    let kohya = write("text_half_kohya.safetensors", &convert(&path, Format::Kohya).unwrap());
    let bytes = std::fs::read(&kohya).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let down = file.tensor("lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight").unwrap();
    assert_eq!((down.dtype(), down.shape()), (safetensors::Dtype::F16, [2, 4].as_slice()));
    let back = convert(&kohya, Format::Diffusers).unwrap();
    let names = candle_core::safetensors::load_buffer(&back, &Device::Cpu).unwrap();
    assert!(tensors.keys().all(|name| names.contains_key(name)) && names.len() == 2);
    assert_eq!(inspect(&kohya).unwrap().metadata["title"], "x");
    let layer_up = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora.up.weight";
    let broken = write("broken.safetensors", &bytes_of(&[(layer_up, &[3, 1])]));
    let error = convert(&broken, Format::Kohya).unwrap_err().to_string();
    assert!(error.contains("down (A) matrix, is missing"), "{error}");
}
