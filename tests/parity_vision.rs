//! Image encoders against transformers with PIL: `tests/golden/vision/make.py` made the numbers.

#![allow(clippy::print_stdout)] // measured errors are worth reading

#[path = "common/device.rs"]
mod device;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use device::device;
use image::RgbImage;
use runner::models::vision::{Encoder, EncoderKind, check, files};
use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vision").join(name)
}

/// A picture that `make.py` makes, too: slopes with noise.
fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([0, 1, 2].map(|channel| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((x * 5 + y * 3 + channel * 60 + (state >> 24) % 80) % 256) as u8
        }))
    })
}

struct Cases {
    all: Value,
    features: HashMap<String, Tensor>,
}

impl Cases {
    fn read() -> Self {
        let all = serde_json::from_str(&std::fs::read_to_string(golden("cases.json")).unwrap()).unwrap();
        Self { all, features: candle_core::safetensors::load(golden("features.safetensors"), &Device::Cpu).unwrap() }
    }

    fn pictures(&self, which: &str) -> Vec<RgbImage> {
        let number = |value: &Value| value.as_u64().unwrap() as u32;
        let sizes = self.all[which].as_array().unwrap().iter().map(|size| (number(&size[0]), number(&size[1])));
        sizes.enumerate().map(|(seed, (width, height))| picture(width, height, seed as u32)).collect()
    }
}

/// A copy of an encoder, with another preprocessing if one is given.
fn encoder(model: &str, preprocessor: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(golden(model)).unwrap().flatten() {
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    if !preprocessor.is_null() {
        let _ = std::fs::remove_file(folder.path().join("processor_config.json"));
        std::fs::write(folder.path().join("preprocessor_config.json"), preprocessor.to_string()).unwrap();
    }
    folder
}

fn hash(pixels: &Tensor) -> String {
    let numbers = pixels.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn compare(name: &str, ours: &[Vec<f32>], reference: &Tensor) {
    let reference = reference.to_vec2::<f32>().unwrap();
    assert_eq!(ours.len(), reference.len(), "{name}");
    // Features have unit length.
    let mut worst = 0f32;
    for (ours, reference) in ours.iter().flatten().zip(reference.iter().flatten()) {
        worst = worst.max((ours - reference).abs());
        assert!(ours.is_finite(), "{name}");
    }
    println!("{name}: {worst:.1e}");
    let tolerance = device::tolerance(1e-5);
    assert!(worst <= tolerance, "{name}: error {worst:e} > {tolerance:e}");
}

#[test]
fn pixels_and_features_equal_those_of_transformers() {
    let cases = Cases::read();
    let pictures = cases.pictures("small");
    for case in cases.all["cases"].as_array().unwrap() {
        let (name, model) = (case["name"].as_str().unwrap(), case["model"].as_str().unwrap());
        let folder = encoder(model, &case["preprocessor"]);
        let encoder = Encoder::load(folder.path(), device()).unwrap();
        assert_eq!(hash(&encoder.pixels(&pictures).unwrap()), case["pixels"].as_str().unwrap(), "{name}");
        let together = encoder.images(&pictures).unwrap();
        compare(name, &together, &cases.features[name]);
        if device().is_cpu() {
            let alone = pictures.chunks(1).flat_map(|one| encoder.images(one).unwrap());
            assert!(alone.eq(together.iter().cloned()), "{name}: a picture's feature depends on its neighbours");
            assert_eq!(encoder.images(&pictures[..3]).unwrap(), together[..3], "{name}");
        }
    }
}

#[test]
fn published_preprocessings_are_equal_bit_for_bit() {
    let cases = Cases::read();
    let pictures = cases.pictures("large");
    let mut wrong = Vec::new();
    for case in cases.all["real"].as_array().unwrap() {
        let folder = encoder("dino", &case["preprocessor"]);
        let encoder = Encoder::load(folder.path(), device()).unwrap();
        if hash(&encoder.pixels(&pictures).unwrap()) != case["pixels"].as_str().unwrap() {
            wrong.push(case["name"].as_str().unwrap());
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn features_of_texts_equal_those_of_transformers() {
    let cases = Cases::read();
    let texts: Vec<String> = serde_json::from_value(cases.all["texts"].clone()).unwrap();
    for model in ["clip", "clip_gelu"] {
        let encoder = Encoder::load(&golden(model), device()).unwrap();
        let name = format!("{model}, texts");
        let ours = encoder.texts(&texts).unwrap().unwrap();
        compare(&name, &ours, &cases.features[&name]);
        if device().is_cpu() {
            assert_eq!(encoder.texts(&texts[1..2]).unwrap().unwrap(), ours[1..2]);
        }
        assert_eq!(encoder.texts(&[]).unwrap().unwrap(), Vec::<Vec<f32>>::new());
    }
    for model in ["dino", "dinov2", "clip_vision"] {
        assert_eq!(Encoder::load(&golden(model), device()).unwrap().texts(&texts).unwrap(), None);
    }
}

#[test]
fn a_check_says_what_a_folder_holds() {
    for (model, kind, size, dim, has_text, warnings) in [
        ("dino", EncoderKind::Dino, 24, 24, false, 0),
        ("dinov2", EncoderKind::Dinov2, 28, 24, false, 0),
        ("dinov2_with_registers", EncoderKind::Dinov2WithRegisters, 28, 24, false, 0),
        ("headed", EncoderKind::Dinov2, 14, 8, false, 0),
        ("clip", EncoderKind::Clip, 24, 12, true, 0),
        ("clip_gelu", EncoderKind::Clip, 24, 12, true, 0),
        ("clip_vision", EncoderKind::Clip, 24, 12, false, 0),
    ] {
        let info = check(&golden(model)).unwrap();
        assert_eq!((info.kind, info.image_size, info.dim), (kind, (size, size), dim), "{model}");
        assert_eq!((info.has_text, info.warnings.len()), (has_text, warnings), "{model}: {:?}", info.warnings);
    }
    let names = |model| {
        let files = files(&golden(model)).unwrap();
        files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("dino"), ["config.json", "preprocessor_config.json", "model.safetensors"]);
    let clip = names("clip");
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    assert!(shards.iter().all(|shard| clip.contains(&(*shard).to_owned())), "{clip:?}");
    assert!(clip.contains(&"vocab.json".to_owned()) && clip.contains(&"merges.txt".to_owned()), "{clip:?}");
    // Where both are there, transformers reads the newer file only.
    let newer = names("clip_gelu");
    assert!(newer.contains(&"processor_config.json".to_owned()), "{newer:?}");
    assert!(!newer.contains(&"preprocessor_config.json".to_owned()), "{newer:?}");
}

#[test]
#[ignore = "needs the folder that tests/golden/vision/trained.py makes of a downloaded file"]
fn a_trained_encoder_gives_the_features_of_onnxruntime_and_transformers() {
    let folder = PathBuf::from(std::env::var_os("RUNNER_TRAINED_ENCODER").expect("RUNNER_TRAINED_ENCODER"));
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder.join("pictures")).unwrap().map(|f| f.unwrap().path()).collect();
    names.sort();
    let pictures: Vec<RgbImage> = names.iter().map(|name| image::open(name).unwrap().to_rgb8()).collect();
    let ours = Encoder::load(&folder, device()).unwrap().images(&pictures).unwrap();
    let expected = candle_core::safetensors::load(folder.join("features.safetensors"), &Device::Cpu).unwrap();
    for name in ["onnxruntime", "transformers", "transformers_f64"] {
        compare(&format!("trained, {name}"), &ours, &expected[name]);
    }
}
