//! Folders that are not what they should be.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;

use super::{Encoder, check};

/// A copy of an encoder of `tests/golden/vision`.
fn copy(model: &str) -> tempfile::TempDir {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vision").join(model);
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(golden).unwrap().flatten() {
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    folder
}

fn replace(folder: &Path, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(folder.join(file), text.replace(from, to)).unwrap();
}

/// What a check says of a copy of `model` after `change`; it names the folder.
fn said(model: &str, change: impl Fn(&Path)) -> String {
    let folder = copy(model);
    change(folder.path());
    let message = check(folder.path()).unwrap_err().to_string();
    assert!(message.contains(folder.path().to_str().unwrap()), "{message}");
    let loaded = Encoder::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert_eq!(loaded, message);
    message
}

#[test]
fn other_folders_are_called_by_their_kind() {
    let empty = said("dino", |folder| fs::remove_file(folder.join("config.json")).unwrap());
    assert!(empty.contains("has no config.json") && empty.contains("save_pretrained"), "{empty}");
    let diffusers = said("dino", |folder| {
        fs::rename(folder.join("config.json"), folder.join("model_index.json")).unwrap();
    });
    assert!(diffusers.contains("diffusers"), "{diffusers}");
    let language = said("dino", |folder| replace(folder, "config.json", "\"vit\"", "\"llama\""));
    assert!(language.contains("`model_type` is \"llama\"") && language.contains("dinov2"), "{language}");
    let file = check(&PathBuf::from(file!())).unwrap_err().to_string();
    assert!(file.contains("an encoder is a folder"), "{file}");
    let nowhere = check(Path::new("/nowhere/at/all")).unwrap_err().to_string();
    assert!(nowhere.contains("/nowhere/at/all has no config.json"), "{nowhere}");
}

#[test]
fn pickles_are_never_read() {
    let pickle = said("dinov2", |folder| {
        fs::remove_file(folder.join("model.safetensors")).unwrap();
        fs::write(folder.join("pytorch_model.bin"), b"PK\x03\x04").unwrap();
    });
    assert!(pickle.contains("pickle") && pickle.contains("AutoModel"), "{pickle}");
    let renamed = said("dinov2", |folder| fs::write(folder.join("model.safetensors"), b"\x80\x02}q\0X\n").unwrap());
    assert!(renamed.contains("pickle"), "{renamed}");
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let more = said("dinov2", |folder| {
        replace(folder, "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    });
    assert!(more.contains("missing (18)") && more.contains("encoder.layer.2.layer_scale1.lambda1 [24]"), "{more}");
    let fewer = said("clip_vision", |folder| {
        replace(folder, "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
    });
    assert!(fewer.contains("unexpected (16)"), "{fewer}");
    let other = said("dino", |folder| replace(folder, "config.json", "\"image_size\": 24", "\"image_size\": 48"));
    assert!(other.contains("embeddings.position_embeddings: expected [1, 145, 24], found [1, 37, 24]"), "{other}");
    let cut = said("dino", |folder| {
        let bytes = fs::read(folder.join("model.safetensors")).unwrap();
        fs::write(folder.join("model.safetensors"), &bytes[..bytes.len() - 100]).unwrap();
    });
    assert!(cut.contains("incomplete"), "{cut}");
    let shard = said("clip", |folder| fs::remove_file(folder.join("model-00002-of-00002.safetensors")).unwrap());
    assert!(shard.contains("model-00002-of-00002.safetensors"), "{shard}");
}

#[test]
fn preprocessings_and_vocabularies_that_do_not_fit_are_named() {
    let none = said("dino", |folder| fs::remove_file(folder.join("preprocessor_config.json")).unwrap());
    assert!(none.contains("has no preprocessor_config.json") && none.contains("normalised"), "{none}");
    let small = said("dino", |folder| replace(folder, "preprocessor_config.json", "24", "3"));
    assert!(small.contains("3 × 3 pixels, which have 0 patches"), "{small}");
    let large = said("dino", |folder| replace(folder, "preprocessor_config.json", "24", "4096"));
    assert!(large.contains("1048576 patches"), "{large}");
    let words = said("clip", |folder| fs::remove_file(folder.join("vocab.json")).unwrap());
    assert!(words.contains("has no tokenizer.json or vocab.json"), "{words}");
    let end = said("clip_gelu", |folder| {
        let config = fs::read_to_string(folder.join("config.json")).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config["text_config"]["eos_token_id"] = 7.into();
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
    });
    assert!(end.contains("`eos_token_id` is 7"), "{end}");
}

#[test]
fn unusual_sizes_are_told() {
    let folder = copy("dino");
    replace(folder.path(), "preprocessor_config.json", "24", "34");
    let warnings = check(folder.path()).unwrap().warnings;
    assert!(warnings[0].contains("34 × 34 pixels, but was trained with 24 × 24"), "{warnings:?}");
    assert!(warnings[1].contains("patches of 4"), "{warnings:?}");
}

#[test]
fn features_that_are_no_directions_are_errors() {
    let folder = copy("headed");
    let encoder = Encoder::load(folder.path(), &Device::Cpu).unwrap();
    let empty = encoder.images(&[image::RgbImage::new(0, 3)]).unwrap_err().to_string();
    assert!(empty.contains("without pixels"), "{empty}");
    let file = folder.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
    let norm = tensors["dinov2.layernorm.weight"].affine(f64::NAN, 0.0).unwrap();
    tensors.insert("dinov2.layernorm.weight".to_owned(), norm);
    candle_core::safetensors::save(&tensors, &file).unwrap();
    let encoder = Encoder::load(folder.path(), &Device::Cpu).unwrap();
    let damaged = encoder.images(&[image::RgbImage::new(9, 3)]).unwrap_err().to_string();
    assert!(damaged.contains("NaN"), "{damaged}");
    assert_eq!(encoder.images(&[]).unwrap(), Vec::<Vec<f32>>::new());
}
