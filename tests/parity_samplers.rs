//! Noise schedules and samplers against diffusers 0.42.1; the numbers come from `tests/golden/samplers/make.py`.

#![allow(clippy::print_stdout)] // the measured distances, with --nocapture

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Result, Tensor};
use runner::choice::{Sampler as Kind, Sampling, Sigmas, Spacing};
use runner::models::config::scheduler;
use runner::sampling::noise::TorchRng;
use runner::sampling::process::Process;
use runner::sampling::samplers::Sampler;

#[derive(serde::Deserialize)]
struct Golden {
    configs: BTreeMap<String, serde_json::Value>,
    loops: Vec<Loop>,
}

#[derive(serde::Deserialize)]
struct Loop {
    config: String,
    sampler: String,
    steps: usize,
    init_noise_sigma: f32,
    timesteps: Vec<f32>,
    sigmas: Option<Vec<f32>>,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/samplers")
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(folder().join("loops.json")).unwrap()).unwrap()
}

fn tensors(name: &str) -> std::collections::HashMap<String, Tensor> {
    candle_core::safetensors::load(folder().join(name), &Device::Cpu).unwrap()
}

fn process(golden: &Golden, name: &str) -> Process {
    scheduler::process(&golden.configs[name].to_string()).unwrap().0
}

/// `fake_model` of make.py.
fn fake_model(x: &Tensor, t: f32) -> Result<Tensor> {
    let s = f64::from(t) / 1000.0;
    let wave = ((x * (1.0 + s))?.sin()? * 0.7)?;
    (wave + (x * (s / (s + 1.0)))?.affine(0.5, -0.1)?)? + 0.0
}

#[test]
fn schedules_equal_torch() {
    let golden = golden();
    for (name, expected) in tensors("schedules.safetensors") {
        let expected = expected.to_vec1::<f32>().unwrap();
        let Process::Ddpm(schedule) = process(&golden, &name);
        let got = schedule.alphas_cumprod;
        assert_eq!(got.len(), expected.len(), "{name}");
        let worst = got.iter().zip(&expected).map(|(a, b)| a.to_bits().abs_diff(b.to_bits())).max().unwrap();
        // rescaling to zero SNR subtracts nearly equal roots, and torch's vectorised root is not always the nearest
        let allowed = if name == "zero_snr" { 64 } else { 0 };
        assert!(worst <= allowed, "{name}: {worst} ulp");
    }
}

/// A loop with another spacing or other noise levels than the model's.
#[derive(serde::Deserialize)]
struct LaidOut {
    config: String,
    #[serde(flatten)]
    sampling: Sampling,
    spacing: Spacing,
    init: f32,
    timesteps: Vec<f32>,
}

#[test]
fn loops_with_other_spacings_and_levels_equal_diffusers() {
    let golden = golden();
    let finals = tensors("laid_out.safetensors")["latents"].to_vec2::<f32>().unwrap();
    let cases: Vec<LaidOut> = serde_json::from_slice(&std::fs::read(folder().join("laid_out.json")).unwrap()).unwrap();
    assert_eq!(cases.len(), finals.len());
    let mut worst: BTreeMap<(String, String), f32> = BTreeMap::new();
    for (case, expected) in cases.iter().zip(&finals) {
        let sampling = Sampling { timestep_spacing: case.spacing, ..case.sampling };
        let Sampling { sampler: kind, steps, sigmas, .. } = sampling;
        let label = format!("{}/{kind}/{}/{sigmas}/{steps}", case.config, case.spacing);
        let mut sampler =
            Sampler::new(sampling, &process(&golden, &case.config)).unwrap_or_else(|e| panic!("{label}: {e}"));
        let timesteps = sampler.timesteps();
        assert_eq!(timesteps.len(), case.timesteps.len(), "{label}");
        // Fractional timesteps come from logarithms, whose last digit is not numpy's everywhere.
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 2e-4;
        assert!(timesteps.iter().zip(&case.timesteps).all(near), "{label}: {timesteps:?} {:?}", case.timesteps);
        let init = sampler.init_noise_sigma();
        assert!((init - case.init).abs() <= 1e-6 * init, "{label}: initial sigma {init} instead of {}", case.init);
        let mut rng = TorchRng::new(steps as u64);
        let mut x = (rng.randn_tensor(&[1, 2, 2, 3]).unwrap() * f64::from(init)).unwrap();
        for (i, t) in case.timesteps.iter().enumerate() {
            let output = fake_model(&sampler.scale_model_input(&x, i).unwrap(), *t).unwrap();
            x = sampler.step(&output, i, &x, &mut |shape| rng.randn_tensor(shape)).unwrap();
        }
        let got = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let size = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
        let error = got.iter().zip(expected).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / size;
        let entry = worst.entry((format!("{kind} {sigmas}"), case.config.clone())).or_default();
        *entry = entry.max(error);
        let allowed = match (case.config.as_str(), kind) {
            // Where the first level is 2·10⁴, diffusers' Heun itself is up to 1e-2 away from what it gives in f64.
            ("cosine", Kind::Heun) if sigmas != Sigmas::Model => 3e-2,
            ("cosine", Kind::UniPc) if sigmas != Sigmas::Model => 1e-4,
            ("zero_snr", Kind::Euler | Kind::EulerA) => 1e-3,
            (_, Kind::Heun | Kind::DpmPpSde) => 3e-5,
            _ => 1e-5,
        };
        assert!(error <= allowed, "{label}: relative error {error:e}");
    }
    for ((sampler, config), error) in worst {
        println!("{sampler:25} {config:10} {error:.1e}");
    }
    println!("{} loops", cases.len());
}

#[test]
fn loops_equal_diffusers() {
    let golden = golden();
    let finals = tensors("loops.safetensors");
    let mut worst: BTreeMap<(String, String), f32> = BTreeMap::new();
    for case in &golden.loops {
        let Loop { config, sampler: name, steps, .. } = case;
        let label = format!("{config}/{name}/{steps}");
        let kind: Kind = name.parse().unwrap();
        let mut sampler = Sampler::new(Sampling::new(kind, *steps), &process(&golden, config)).unwrap();
        if kind == Kind::DpmPpSde {
            // Timesteps in the middle of a step come from logarithms, whose last digit is not numpy's everywhere.
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * b.abs();
            assert!(sampler.timesteps().iter().zip(&case.timesteps).all(near), "{label}");
            assert_eq!(sampler.timesteps().len(), case.timesteps.len(), "{label}");
        } else {
            assert_eq!(sampler.timesteps(), case.timesteps, "{label}");
        }
        let got = sampler.sigmas();
        if let Some(expected) = case.sigmas.as_ref().filter(|_| !got.is_empty()) {
            assert_eq!(got.len(), expected.len(), "{label}");
            for (a, b) in got.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-6 * b.abs(), "{label}: sigma {a} instead of {b}");
            }
        }
        let init = sampler.init_noise_sigma();
        assert!((init - case.init_noise_sigma).abs() <= 1e-6 * init, "{label}: initial sigma {init}");

        let mut rng = TorchRng::new(*steps as u64);
        let mut x = (rng.randn_tensor(&[1, 2, 2, 3]).unwrap() * f64::from(init)).unwrap();
        for (i, t) in case.timesteps.iter().enumerate() {
            let output = fake_model(&sampler.scale_model_input(&x, i).unwrap(), *t).unwrap();
            x = sampler.step(&output, i, &x, &mut |shape| rng.randn_tensor(shape)).unwrap();
        }
        let got = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected = finals[&label].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let size = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
        let error = got.iter().zip(&expected).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / size;
        let entry = worst.entry((name.clone(), config.clone())).or_default();
        *entry = entry.max(error);
        // Two corners lose digits in diffusers itself, which starts from latents of size 4096 or divides by ᾱ = 2e-9.
        let corner =
            matches!((config.as_str(), kind), ("zero_snr", Kind::Euler | Kind::EulerA) | ("cosine", Kind::Pndm));
        // Heun's second slope is the small difference of x and x − σ·ε, divided by σ; in a long step to a small σ, as
        // in
        // two steps, rounding is that much larger in diffusers, too.
        let allowed = match kind {
            _ if corner => 1e-3,
            // The stochastic solver of one step divides and takes roots of differences of near levels in f32.
            Kind::Heun | Kind::DpmPpSde => 3e-5,
            _ => 1e-5,
        };
        assert!(error <= allowed, "{label}: relative error {error:e}");
    }
    for ((sampler, config), error) in worst {
        println!("{sampler:15} {config:13} {error:.1e}");
    }
}
