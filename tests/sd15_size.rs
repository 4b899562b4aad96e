//! The architecture of Stable Diffusion 1.5 at 512 pixels, with random weights: does a study fit into memory?
//!
//! Not in CI: it writes 2 GB and takes many minutes. Run it with
//! `cargo test --release --test sd15_size -- --ignored --nocapture`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // measured errors are worth reading

#[path = "common/device.rs"]
mod device;

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
};

use runner::models::Parts;
use runner::tensors::LoadError;

const LIMIT_BYTES: u64 = 12 << 30;

const UNET: &str = r#"{"_class_name": "UNet2DConditionModel", "cross_attention_dim": 768, "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280], "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]}"#;
const VAE: &str = r#"{"_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
    "latent_channels": 4, "in_channels": 3, "out_channels": 3, "norm_num_groups": 32, "scaling_factor": 0.18215,
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}"#;
const TEXT: &str = r#"{"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "hidden_act": "quick_gelu", "max_position_embeddings": 77, "vocab_size": 49408}"#;
const SCHEDULER: &str = r#"{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
    "steps_offset": 1, "clip_sample": false}"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder like that of Stable Diffusion 1.5, its weights drawn at random with the size trained ones have.
fn model() -> PathBuf {
    let folder = root().join("target/sd15-size/model");
    if folder.join("done").is_file() {
        return folder;
    }
    let toy = root().join("experiments/models/toyworld");
    for part in ["unet", "vae", "text_encoder", "scheduler", "tokenizer"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    fs::copy(toy.join("model_index.json"), folder.join("model_index.json")).unwrap();
    for entry in fs::read_dir(toy.join("tokenizer")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join("tokenizer").join(path.file_name().unwrap())).unwrap();
    }
    fs::write(folder.join("scheduler/scheduler_config.json"), SCHEDULER).unwrap();
    let weights = [
        ("unet", "diffusion_pytorch_model.safetensors", UNET),
        ("vae", "diffusion_pytorch_model.safetensors", VAE),
        ("text_encoder", "model.safetensors", TEXT),
    ];
    for (part, file, config) in weights {
        fs::write(folder.join(part).join("config.json"), config).unwrap();
        write_weights(&folder.join(part).join(file), &[]);
    }
    // A model without weights is refused with the names and shapes of all it needs, one part at a time.
    while let Err(error) = Parts::open(&folder).and_then(|parts| parts.check()) {
        let LoadError::Tensors { file, problems } = error else { panic!("{error}") };
        assert!(problems.unexpected.is_empty() && problems.misshapen.is_empty(), "{problems}");
        let path = if file.is_dir() { panic!("{}", file.display()) } else { file };
        write_weights(&path, &problems.missing);
    }
    fs::write(folder.join("done"), "").unwrap();
    folder
}

/// An f16 safetensors file: matrices uniform with variance 1/(3·inputs), norms near 1, biases 0.
fn write_weights(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        header.insert(name.clone(), serde_json::json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = BufWriter::new(fs::File::create(path).unwrap());
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    let mut state = 1_u64;
    for (_, shape) in tensors {
        let inputs: usize = shape[1..].iter().product();
        let bound = 1.0 / (inputs as f32).sqrt();
        for _ in 0..shape.iter().product::<usize>() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 40) as f32 / (1 << 24) as f32;
            let value = if shape.len() == 1 { 0.05 * unit } else { (2.0 * unit - 1.0) * bound };
            file.write_all(&half::f16::from_f32(value).to_le_bytes()).unwrap();
        }
    }
    file.flush().unwrap();
}

#[test]
#[ignore = "writes 2 GB and takes many minutes"]
fn a_step_and_an_image_at_512_pixels_fit_into_12_gib() {
    let model = model();
    for (name, settings) in [
        ("f32", "model.dtype=f32"),
        ("bf16", "model.dtype=bf16"),
        ("checkpointed", "train.gradient_checkpointing=true"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "name = \"size\"\n[model]\nbase = {:?}\ndevice = {:?}\n[subject]\nidentifier = \"aawxbc\"\n\
             class = \"figurine\"\nname = \"boy\"\n[dataset]\nimages = {:?}\nsize = 1\nheld_out = 0\nresolution = 512\n\
             [train]\ninstance_prompt = \"a photo of {{identifier}} {{class}}\"\nsteps = 1\n\
             [train.prior_preservation]\nimages = 0\n[generate]\nsteps = 1\nseeds = [0]\n\
             prompts = [\"a {{identifier}} {{class}}\"]\n[evaluate]\nprobe_timesteps = 1\nprobe_photos = 1\n\
             drift_prompts = []\n",
            model,
            device::name(),
            root().join("experiments/data/shinchan/00.jpg"),
        );
        fs::write(folder.path().join("size.toml"), text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_runner"))
            .current_dir(folder.path())
            .args(["size.toml", "--set", settings])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for stage in ["train", "generate"] {
            let stages = folder.path().join("reports/.store").join(stage);
            let artifact = fs::read_dir(stages).unwrap().next().unwrap().unwrap().path();
            let manifest = fs::read_to_string(artifact.join("manifest.json")).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
            let (peak, seconds) = (manifest["peak_memory_bytes"].as_u64().unwrap(), &manifest["seconds"]);
            eprintln!("{name} {stage}: {:.2} GiB, {seconds} s", peak as f64 / f64::from(1 << 30));
            assert!(peak < LIMIT_BYTES, "{name} {stage} took {peak} bytes");
        }
    }
}
