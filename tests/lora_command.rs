//! `runner lora` and `runner generate --lora` as a user meets them.

mod common;

use assert_cmd::{Command, assert::Assert};
use base64::Engine as _;
use candle_core::{DType, Device, Tensor};
use runner::tensors::tensor_file;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn lora(folder: &Path, arguments: &[&str]) -> Assert {
    Command::from_std(common::runner(folder)).arg("lora").args(arguments).assert()
}

fn golden(name: &str) -> String {
    format!("{ROOT}/tests/golden/{name}")
}

fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn err(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// A file with a layer that there is and one that there is not, and with metadata that people and attackers write.
fn file(folder: &Path, thumbnail: &str) -> PathBuf {
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F16, &Device::Cpu).unwrap();
    let layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
    let tensors = BTreeMap::from([
        (format!("{layer}.lora_down.weight"), ones(&[2, 16])),
        (format!("{layer}.lora_up.weight"), ones(&[16, 2])),
        ("lora_unet_nowhere.lora_down.weight".to_owned(), ones(&[2, 16])),
    ]);
    let metadata = [
        ("modelspec.trigger_phrase", "aawxbc \u{1b}[31mred"),
        ("modelspec.thumbnail", thumbnail),
        ("ss_num_train_images", "12"),
        ("ss_sd_model_name", "my model\nsecond line"),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let path = folder.join("a.safetensors");
    std::fs::write(&path, tensor_file::write(&tensors, &metadata).unwrap()).unwrap();
    path
}

#[test]
fn inspect_tells_what_a_file_is() {
    let dir = tempfile::tempdir().unwrap();
    let text = out(&lora(dir.path(), &["inspect", &golden("adapters/locon_dora_in.safetensors")]).success());
    for word in ["kohya", "DoRA", "rank", "alpha", "F16", "down_blocks.0", "layers that move most"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let model = golden("models/sd1");
    let fits = lora(dir.path(), &["inspect", &golden("adapters/lokr/adapter_model.safetensors"), "--base", &model]);
    assert!(out(&fits.success()).contains("all of it changes 9 layers"));
    let other = golden("models/sd2");
    let misfit = lora(dir.path(), &["inspect", &golden("adapters/lora.safetensors"), "--base", &other]).success();
    assert!(out(&misfit).contains("another architecture"), "{}", out(&misfit));
    let json = lora(dir.path(), &["inspect", &golden("sdxl/adapter.safetensors"), "--format", "json"]).success();
    let json: serde_json::Value = serde_json::from_str(&out(&json)).unwrap();
    assert_eq!((&json["kinds"][0], &json["ranks"][0]), (&"lora".into(), &2.into()));
}

#[test]
fn metadata_and_thumbnails_are_shown_with_care() {
    let dir = tempfile::tempdir().unwrap();
    let png = {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(20, 10).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let url = format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(&png));
    let path = file(dir.path(), &url);
    let path = path.to_str().unwrap();
    let shown = lora(dir.path(), &["inspect", path, "--thumbnail", "t.png", "--metadata"]).success();
    let text = out(&shown);
    assert!(text.contains("has a thumbnail (PNG, 20 × 10)") && text.contains("aawxbc"), "{text}");
    assert!(!text.contains('\u{1b}') && text.contains("my model"), "{text}");
    assert!(text.contains("1 tensor is not part of a complete adapter"), "{text}");
    assert_eq!(std::fs::read(dir.path().join("t.png")).unwrap(), png);
    assert!(err(&lora(dir.path(), &["inspect", path, "--thumbnail", "t.png"]).code(2)).contains("--force"));
    assert!(err(&lora(dir.path(), &["inspect", path, "--thumbnail", "t.jpg"]).code(2)).contains(".png"));
    let path = file(dir.path(), "data:image/png;base64,PHNjcmlwdD4=");
    let hostile = lora(dir.path(), &["inspect", path.to_str().unwrap(), "--thumbnail", "u.png"]).code(96);
    assert!(err(&hostile).contains("no picture") && !dir.path().join("u.png").exists());
}

#[test]
fn what_cannot_be_applied_is_left_out_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "");
    let path = path.to_str().unwrap();
    let strict = lora(dir.path(), &["convert", path, "--to", "diffusers", "--output", "b.safetensors"]).code(96);
    assert!(err(&strict).contains("lora_unet_nowhere.lora_down.weight [2, 16]"), "{}", err(&strict));
    assert!(err(&strict).contains("--allow-partial"), "{}", err(&strict));
    let partly =
        ["convert", path, "--to", "diffusers", "--output", "b.safetensors", "--allow-partial", "--dtype", "bf16"];
    let partly = lora(dir.path(), &partly).success();
    assert!(err(&partly).contains("1 of 3 tensors cannot be applied"), "{}", err(&partly));
    let made = std::fs::read(dir.path().join("b.safetensors")).unwrap();
    let made = safetensors::SafeTensors::deserialize(&made).unwrap();
    assert_eq!(made.len(), 2);
    assert!(made.tensors().iter().all(|(_, view)| view.dtype() == safetensors::Dtype::BF16));

    let generate = |more: &[&str]| {
        let mut command = Command::from_std(common::runner(dir.path()));
        let model = golden("models/sd1");
        let size = ["--width", "32", "--height", "32", "--steps", "1", "--device", "cpu"];
        command.args(["generate", "--model", &model, "--prompt", "a", "--lora", path]).args(size).args(more).assert()
    };
    assert!(err(&generate(&[]).code(96)).contains("--allow-partial goes on"));
    let drawn = generate(&["--allow-partial"]).success();
    assert!(err(&drawn).contains("lora_unet_nowhere.lora_down.weight"), "{}", err(&drawn));
}
