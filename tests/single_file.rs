//! Single-file checkpoints: LDM key names against diffusers' converters (`tests/golden/single_file/make.py`).

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use runner::models::LoraSet;
use runner::models::families::Family;
use runner::models::single_file::{self, Architecture};
use runner::models::{Model, Parts};
use runner::sampling::noise::TorchRng;
use runner::sampling::schedule::PredictionType;
use runner::tensors::tensor_file;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn json<T: for<'a> serde::Deserialize<'a>>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(golden("single_file").join(name)).unwrap()).unwrap()
}

fn copy_tokenizer(to: &Path) {
    std::fs::create_dir(to.join("tokenizer")).unwrap();
    for entry in std::fs::read_dir(golden("models/sd1/tokenizer")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join("tokenizer").join(entry.file_name())).unwrap();
    }
}

/// Tensors of all safetensors files of a folder.
fn tensors(folder: &Path) -> BTreeMap<String, Tensor> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "safetensors") {
            all.extend(candle_core::safetensors::load(path, &Device::Cpu).unwrap());
        }
    }
    all
}

/// LDM name → part, diffusers names to stack, shape.
type Table = BTreeMap<String, (String, Vec<String>, Vec<usize>)>;

fn same(name: &str, family: Family) {
    let folder = golden("models").join(name);
    let parts: BTreeMap<&str, _> =
        ["unet", "vae", "text_encoder"].into_iter().map(|part| (part, tensors(&folder.join(part)))).collect();
    let table: BTreeMap<String, Table> = json("tiny.json");
    let mut checkpoint = BTreeMap::new();
    for (ldm, (part, names, shape)) in &table[name] {
        let pieces: Vec<&Tensor> = names.iter().map(|name| &parts[part.as_str()][name]).collect();
        let whole = Tensor::cat(&pieces, 0).unwrap().reshape(shape.as_slice()).unwrap();
        checkpoint.insert(ldm.clone(), whole);
    }
    // what real files have besides
    let stray = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    for name in ["model_ema.decay", "betas", "cond_stage_model.model.text_projection"] {
        checkpoint.insert(name.to_owned(), stray.clone());
    }
    let metadata = match family {
        Family::Sd1 => BTreeMap::new(),
        Family::Sdxl => BTreeMap::new(),
        Family::Sd2 => BTreeMap::from([("modelspec.prediction_type".to_owned(), "v".to_owned())]),
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.safetensors");
    std::fs::write(&file, tensor_file::write(&checkpoint, &metadata).unwrap()).unwrap();
    std::fs::create_dir(dir.path().join("tokenizer")).unwrap();
    for entry in std::fs::read_dir(folder.join("tokenizer")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dir.path().join("tokenizer").join(entry.file_name())).unwrap();
    }

    let architecture = Architecture {
        family,
        networks: Parts::open(&folder).unwrap().parts.into_iter().map(|part| part.network).collect(),
    };
    let single = single_file::open_as(&file, &architecture, &|_| None).unwrap().load(&Device::Cpu, DType::F32).unwrap();
    let expected = Parts::open(&folder).and_then(|parts| parts.load(&Device::Cpu, DType::F32)).unwrap();
    assert_eq!(single.process, expected.process);

    let run = |model: &Model| -> [Vec<f32>; 4] {
        let mut rng = TorchRng::new(5);
        let latents = rng.randn_tensor(&[1, 4, 8, 8]).unwrap();
        let image = rng.randn_tensor(&[1, 3, 16, 16]).unwrap();
        let context = model.encode_prompt("a photo of the red house", &LoraSet::empty()).unwrap().tokens;
        let noise = model.denoiser.forward(&latents, &[401.0], &context.clone().into(), &LoraSet::empty()).unwrap();
        let decoded = model.vae.get().unwrap().decode(&latents).unwrap();
        let encoded = model.vae.get().unwrap().encode(&image).unwrap().0;
        [context, noise, decoded, encoded].map(|t| t.flatten_all().unwrap().to_vec1().unwrap())
    };
    assert_eq!(run(&single), run(&expected), "{name}");
}

#[test]
fn sd1_checkpoint_equals_its_folder() {
    same("sd1", Family::Sd1);
}

#[test]
fn sd2_checkpoint_equals_its_folder() {
    same("sd2", Family::Sd2);
}

/// A file of zeros with the header of a real checkpoint, f16; takes no space on disk.
fn hollow(file: &Path, shapes: &BTreeMap<String, Vec<usize>>, fill: Option<(&str, [u8; 4])>) {
    let mut header = serde_json::Map::new();
    let (mut end, mut place) = (0usize, None);
    for (name, shape) in shapes {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        if fill.is_some_and(|(wanted, _)| wanted == name) {
            place = Some((start, end));
        }
        header.insert(name.clone(), serde_json::json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut out = std::fs::File::create(file).unwrap();
    out.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    out.write_all(&header).unwrap();
    let data = 8 + header.len() as u64;
    out.set_len(data + end as u64).unwrap();
    if let (Some((start, end)), Some((_, pattern))) = (place, fill) {
        out.seek(SeekFrom::Start(data + start as u64)).unwrap();
        out.write_all(&pattern.repeat((end - start) / 4)).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn real_headers_are_understood() {
    const TELLING: &str = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";
    // 0.2 and −0.2 in f16
    const SPREAD: [u8; 4] = [0x66, 0x32, 0x66, 0xb2];
    let headers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = json("real.json");
    let dir = tempfile::tempdir().unwrap();
    copy_tokenizer(dir.path());
    for (name, spread, prediction, unet, text) in [
        ("sd1", false, PredictionType::Epsilon, 859_520_964, 123_060_480),
        ("sd2", false, PredictionType::Epsilon, 865_910_724, 340_387_840),
        ("sd2", true, PredictionType::VPrediction, 865_910_724, 340_387_840),
    ] {
        let file = dir.path().join(format!("{name}_{spread}.safetensors"));
        hollow(&file, &headers[name], spread.then_some((TELLING, SPREAD)));
        let summary = Parts::open(&file).and_then(|parts| parts.check()).unwrap();
        assert_eq!(summary.prediction_type, prediction, "{name}");
        assert_eq!(summary.part_parameters, [("unet", unet), ("vae", 83_653_863), ("text_encoder", text)]);
        // As many as sd-scripts finds: 128 of attentions, 32 behind them, 32 around the transformers.
        assert_eq!(summary.adaptable_layers.len(), 192);
    }
}

#[test]
fn other_files_are_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let input = "model.diffusion_model.input_blocks.0.0.weight";
    let context = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
    let refused = |name: &str, shapes: &[(&str, &[usize])]| {
        let file = dir.path().join(name);
        let shapes = shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect();
        hollow(&file, &shapes, None);
        Parts::open(&file).and_then(|parts| parts.check()).unwrap_err().to_string()
    };
    for (name, shapes, advice) in [
        ("a.ckpt", &[(input, &[4usize, 4, 3, 3][..])][..], "pickle"),
        ("b.safetensors", &[("lora_unet_x.lora_up.weight", &[4, 4])], "this is a LoRA file"),
        ("c.safetensors", &[("conditioner.embedders.0.x", &[4])], "Stable Diffusion XL"),
        ("d.safetensors", &[("conv_in.weight", &[4])], "model_index.json"),
        ("e.safetensors", &[(input, &[320, 9, 3, 3])], "inpainting"),
        ("f.safetensors", &[(input, &[320, 4, 3, 3]), (context, &[320, 2048])], "none of"),
    ] {
        let text = refused(name, shapes);
        assert!(text.contains(advice) && text.contains(name), "{text}");
    }
    // sizes of a real model, no vocabulary beside it; a model in this user's Hub cache would be found
    let text = refused("g.safetensors", &[(input, &[320, 4, 3, 3]), (context, &[320, 768])]);
    if !text.contains("missing") {
        assert!(text.contains("copy the `tokenizer` folder"), "{text}");
    }
    copy_tokenizer(dir.path());
    let text = refused("h.safetensors", &[(input, &[320, 4, 3, 3]), (context, &[320, 768])]);
    assert!(text.contains("missing (") && text.contains("conv_in.bias"), "{text}");
}
