//! The JSON files of a diffusers folder, and the samplers made of the scheduler's.

use std::path::Path;

use runner::choice::{self, Choice};
use runner::models::Parts;
use runner::models::config::{TextConfig, UNetConfig, VaeConfig, check_model_index, scheduler};
use runner::sampling::process::Process;
use runner::sampling::samplers::Sampler;

use crate::files::{Files, golden, golden_path};
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;
use crate::watch::Input;

const NAMES: [&str; 5] = [
    "model_index.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
];
/// One of so many inputs is read as a whole model, which takes longer.
const WHOLE: usize = 16;

fn seeds() -> Vec<Input> {
    let mut seeds: Vec<Input> =
        ["sd1", "sd2"].map(|model| NAMES.map(|name| golden(&format!("models/{model}/{name}"))).to_vec()).to_vec();
    for scheduler in [
        r#"{"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 50, "timestep_spacing": "trailing"}"#,
        r#"{"trained_betas": [0.1, 0.2, 0.3], "num_train_timesteps": 3, "rescale_betas_zero_snr": true}"#,
    ] {
        let mut seed = seeds[0].clone();
        seed[4] = scheduler.as_bytes().to_vec();
        seeds.push(seed);
    }
    seeds
}

#[test]
fn configs() {
    let files = Files::new();
    let weights = ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"];
    for name in weights.map(|name| format!("{name}.safetensors")) {
        files.put(&name, &golden(&format!("models/sd1/{name}")));
    }
    for entry in std::fs::read_dir(golden_path("models/sd1/tokenizer")).expect("a tokenizer").flatten() {
        let name = format!("tokenizer/{}", entry.file_name().to_string_lossy());
        files.put(&name, &golden(&format!("models/sd1/{name}")));
    }
    fuzz(Target { name: "configs", parts: &[Kind::Json; 5], seeds: seeds(), inputs: 6000, memory: MEMORY }, |input| {
        // What is tried on an input follows from the input, so that it can be repeated.
        let number = input.iter().map(|part| crc32fast::hash(part) as usize).sum::<usize>();
        let text = |part: usize| String::from_utf8_lossy(&input[part]).into_owned();
        let here = Path::new("config.json");
        let index =
            check_model_index(&files.put(NAMES[0], &input[0])).map_or_else(|e| e.to_string(), |()| String::new());
        let unet = UNetConfig::parse(here, &text(1)).map_or_else(|e| e.to_string(), |_| String::new());
        let vae = VaeConfig::parse(here, &text(2)).map_or_else(|e| e.to_string(), |vae| vae.scale().to_string());
        let encoder = TextConfig::parse(here, &text(3)).map_or_else(|e| e.to_string(), |_| String::new());
        let schedule = match scheduler::process(&text(4)) {
            Err(error) => error.to_string(),
            Ok((process, _)) => sample(&process, number),
        };
        let whole = if number.is_multiple_of(WHOLE) {
            for (name, part) in NAMES.into_iter().zip(input) {
                files.put(name, part);
            }
            Parts::open(files.folder())
                .and_then(|parts| parts.check())
                .map_or_else(|e| e.to_string(), |_| "a model".to_owned())
        } else {
            String::new()
        };
        [index, unet, vae, encoder, schedule, whole].join(" ")
    });
}

/// A sampler on the process; a sampler may refuse, its timesteps must be the model's.
fn sample(process: &Process, number: usize) -> String {
    let (_, kind) = choice::Sampler::ALL[number % choice::Sampler::ALL.len()];
    let sampling = choice::Sampling {
        timestep_spacing: choice::Spacing::ALL[number / 7 % choice::Spacing::ALL.len()].1,
        sigmas: choice::Sigmas::ALL[number / 31 % choice::Sigmas::ALL.len()].1,
        ..choice::Sampling::new(kind, 1 + number % 60)
    };
    match Sampler::new(sampling, process) {
        Err(error) => error.to_string(),
        Ok(sampler) => {
            let range = 0.0..process.most_steps() as f32;
            assert!(sampler.timesteps().iter().all(|t| range.contains(t)), "{kind}: {:?}", sampler.timesteps());
            format!("{:?}", process.prediction_type())
        }
    }
}
