//! Folders of models with random weights, of any size.

#![allow(dead_code, unreachable_pub)] // each test file uses a part

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use runner::models::Parts;
use runner::tensors::LoadError;

/// `scheduler_config.json` of Stable Diffusion 1.5.
const SCHEDULER: &str = r#"{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
    "steps_offset": 1, "clip_sample": false}"#;

/// Writes a model like Stable Diffusion 1 with these configurations, its weights drawn at random with the size trained
/// ones have. The tokenizer is the toy model's. A folder that is finished is left as it is.
pub fn write(folder: &Path, unet: &str, vae: &str, text_encoder: &str) {
    if folder.join("done").is_file() {
        return;
    }
    let toy = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/models/toyworld");
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
        ("unet", "diffusion_pytorch_model.safetensors", unet),
        ("vae", "diffusion_pytorch_model.safetensors", vae),
        ("text_encoder", "model.safetensors", text_encoder),
    ];
    for (part, file, config) in weights {
        fs::write(folder.join(part).join("config.json"), config).unwrap();
        write_weights(&folder.join(part).join(file), &[]);
    }
    // A model without weights is refused with the names and shapes of all it needs, one part at a time.
    while let Err(error) = Parts::open(folder).and_then(|parts| parts.check()) {
        let LoadError::Tensors { file, problems } = error else { panic!("{error}") };
        assert!(problems.unexpected.is_empty() && problems.misshapen.is_empty(), "{problems}");
        let path = if file.is_dir() { panic!("{}", file.display()) } else { file };
        write_weights(&path, &problems.missing);
    }
    fs::write(folder.join("done"), "").unwrap();
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
