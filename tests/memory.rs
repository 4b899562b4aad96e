//! The memory that `plan` predicts against the peak of the process while each job runs.
//!
//! `cargo test --test memory -- --ignored --nocapture` prints the table of docs/performance.md. Sizes of tensors do not
//! depend on optimisation, so any build will do; keep other work away from the machine.

#![allow(clippy::print_stdout)] // measured numbers are worth reading

mod common;
#[path = "common/random_model.rs"]
mod random_model;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{root, runner};

/// How far a prediction may be off.
const TOLERANCE: f64 = 0.15;

/// A model of one size.
struct Size {
    name: &'static str,
    /// Channels of the denoiser's levels.
    unet: [usize; 3],
    /// Channels of the autoencoder's levels.
    vae: [usize; 4],
}

const SMALL: Size = Size { name: "small", unet: [64, 128, 192], vae: [32, 64, 64, 96] };
const MIDDLE: Size = Size { name: "middle", unet: [160, 320, 480], vae: [64, 96, 160, 192] };

/// One study, of one photo and one image for each stage.
struct Case {
    size: Size,
    pixels: usize,
    settings: &'static [&'static str],
}

impl Size {
    fn folder(&self) -> PathBuf {
        let [a, b, c] = self.unet;
        let unet = format!(
            r#"{{"_class_name": "UNet2DConditionModel", "cross_attention_dim": 128, "attention_head_dim": 4,
            "block_out_channels": [{a}, {b}, {c}], "in_channels": 4, "out_channels": 4, "layers_per_block": 1,
            "norm_num_groups": 16,
            "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
            "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]}}"#
        );
        let vae = format!(
            r#"{{"_class_name": "AutoencoderKL", "block_out_channels": {:?}, "layers_per_block": 1,
            "latent_channels": 4, "in_channels": 3, "out_channels": 3, "norm_num_groups": 16,
            "scaling_factor": 0.18215,
            "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D",
                                 "DownEncoderBlock2D"],
            "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}}"#,
            self.vae
        );
        let text = r#"{"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4,
            "num_attention_heads": 4, "hidden_act": "quick_gelu", "max_position_embeddings": 77, "vocab_size": 8192}"#;
        let folder = root().join("target/memory").join(self.name);
        random_model::write(&folder, &unet, &vae, text);
        folder
    }
}

fn study(folder: &Path, model: &Path, pixels: usize) {
    let text = format!(
        "name = \"size\"\n[model]\nbase = {:?}\ndevice = \"cpu\"\n[subject]\nidentifier = \"aawxbc\"\n\
         class = \"figurine\"\nname = \"boy\"\n[dataset]\nimages = {:?}\nsize = 1\nheld_out = 0\nresolution = {}\n\
         [train]\ninstance_prompt = \"a photo of {{identifier}} {{class}}\"\nsteps = 2\n\
         [train.prior_preservation]\nimages = 0\n[generate]\nsampler = \"ddim\"\nsteps = 1\nseeds = [0, 1]\n\
         prompts = [\"a {{identifier}} {{class}}\"]\n[evaluate]\nprobe_timesteps = 1\nprobe_photos = 1\n\
         drift_prompts = []\n",
        model,
        root().join("experiments/data/shinchan/00.jpg"),
        pixels,
    );
    fs::write(folder.join("size.toml"), text).unwrap();
}

/// What `plan` predicts for each stage.
fn predicted(folder: &Path, settings: &[&str]) -> BTreeMap<String, u64> {
    let mut command = runner(folder);
    command.args(["plan", "size.toml", "--format", "json"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut stages = BTreeMap::new();
    for job in plan["jobs"].as_array().unwrap() {
        if let Some(bytes) = job["memory_bytes"].as_u64() {
            let most = stages.entry(job["stage"].as_str().unwrap().to_owned()).or_insert(0);
            *most = bytes.max(*most);
        }
    }
    stages
}

/// The peak of each stage of a run.
fn measured(folder: &Path, settings: &[&str]) -> BTreeMap<String, u64> {
    let mut command = runner(folder);
    command.arg("size.toml");
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut stages = BTreeMap::new();
    for stage in fs::read_dir(folder.join("reports/.store")).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        for job in fs::read_dir(stage.path()).unwrap().flatten() {
            let Ok(text) = fs::read_to_string(job.path().join("manifest.json")) else { continue };
            let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            let most = stages.entry(stage.file_name().to_string_lossy().into_owned()).or_insert(0);
            *most = manifest["peak_memory_bytes"].as_u64().unwrap().max(*most);
        }
    }
    stages
}

fn compare(cases: &[Case]) {
    let mut far = Vec::new();
    println!("| model | pixels | settings | stage | predicted | measured | ratio |");
    for case in cases {
        let folder = tempfile::tempdir().unwrap();
        study(folder.path(), &case.size.folder(), case.pixels);
        let (predicted, measured) = (predicted(folder.path(), case.settings), measured(folder.path(), case.settings));
        for (stage, bytes) in &predicted {
            let Some(peak) = measured.get(stage) else { continue };
            let ratio = *bytes as f64 / *peak as f64;
            let settings = case.settings.join(" ");
            let [bytes, peak] = [bytes, peak].map(|bytes| *bytes as f64 / 1e6);
            let line = format!(
                "| {} | {} | {settings} | {stage} | {bytes:.0} MB | {peak:.0} MB | {ratio:.2} |",
                case.size.name, case.pixels
            );
            println!("{line}");
            if (ratio - 1.0).abs() > TOLERANCE {
                far.push(line);
            }
        }
    }
    assert!(far.is_empty(), "predictions that are off by more than 15 %:\n{}", far.join("\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_fit_is_refused_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    study(folder.path(), &root().join("experiments/models/toyworld"), 128);
    let limited = |arguments: &[&str]| {
        let output = std::process::Command::new("sh")
            .args(["-c", "ulimit -v 4194304; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_runner")])
            .args(arguments)
            .args(["size.toml", "--set", "train.batch_size=1000"])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = limited(&["plan"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("a run would refuse here: train") && told.contains("train.batch_size = 1"), "{told}");
    let (code, told) = limited(&["run"]);
    assert_eq!(code, Some(96), "{told}");
    assert!(told.contains("needs about") && told.contains("train.gradient_checkpointing = true"), "{told}");
    assert!(!folder.path().join("reports/.store/prepare").exists(), "work began");
}

#[test]
#[ignore = "takes many minutes"]
fn predictions_of_small_and_middle_sizes_are_within_15_percent() {
    let case = |size, pixels, settings| Case { size, pixels, settings };
    compare(&[
        case(SMALL, 128, &["model.dtype=f32"]),
        case(SMALL, 128, &["model.dtype=f32", "train.batch_size=8"]),
        case(SMALL, 256, &["model.dtype=bf16", "train.batch_size=2"]),
        case(SMALL, 256, &["model.dtype=int8", "train.batch_size=2", "train.gradient_checkpointing=true"]),
        case(MIDDLE, 128, &["model.dtype=f32", "train.batch_size=2"]),
        case(MIDDLE, 256, &["model.dtype=f32", "train.gradient_checkpointing=true"]),
        case(MIDDLE, 256, &["model.dtype=bf16"]),
        case(MIDDLE, 256, &["model.dtype=bf16", "model.low_memory=true"]),
        case(MIDDLE, 256, &["model.dtype=int8"]),
        case(MIDDLE, 384, &["model.dtype=int8", "train.gradient_checkpointing=true"]),
    ]);
}
