//! The architecture of Stable Diffusion 1.5 at 512 pixels, with random weights: does a study fit into memory?
//!
//! Not in CI: it writes 2 GB and takes many minutes. Run it with
//! `cargo test --release --test sd15_size -- --ignored --nocapture`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // measured errors are worth reading

#[path = "common/device.rs"]
mod device;
#[path = "common/random_model.rs"]
mod random_model;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder like that of Stable Diffusion 1.5.
fn model() -> PathBuf {
    let folder = root().join("target/sd15-size/model");
    random_model::write(&folder, UNET, VAE, TEXT);
    folder
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
