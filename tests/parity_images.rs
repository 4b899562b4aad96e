//! Whole images against diffusers' `StableDiffusionPipeline`; expected pixels from `tests/golden/images/make.py`.

#![allow(clippy::print_stdout)] // the measured distances, with --nocapture

#[path = "common/device.rs"]
mod device;
#[path = "common/psnr.rs"]
mod psnr;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use device::device;
use psnr::psnr;
use runner::adapter::file;
use runner::choice::{Guidance, PromptOptions, Sampling, Targets};
use runner::models::LoraSet;
use runner::models::{Model, Parts};
use runner::pipeline::{ImageRequest, generate};

#[derive(Clone, serde::Deserialize)]
struct Case {
    model: String,
    lora: bool,
    sampler: String,
    steps: usize,
    width: usize,
    height: usize,
    seed: u64,
    #[serde(flatten)]
    guidance: Guidance,
    prompt: String,
    negative_prompt: String,
}

impl Case {
    fn request<'a>(&'a self, seeds: &'a [u64], batch_size: usize) -> ImageRequest<'a> {
        ImageRequest {
            prompt: &self.prompt,
            negative_prompt: &self.negative_prompt,
            seeds,
            width: self.width,
            height: self.height,
            sampling: Sampling::new(self.sampler.parse().unwrap(), self.steps),
            reading: PromptOptions::default(),
            guidance: self.guidance,
            batch_size,
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn golden() -> (Vec<Case>, std::collections::HashMap<String, Tensor>) {
    let folder = root().join("tests/golden/images");
    let cases = serde_json::from_slice(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap();
    (cases, candle_core::safetensors::load(folder.join("images.safetensors"), &Device::Cpu).unwrap())
}

fn model(name: &str) -> Model {
    let folder = match name {
        "toyworld" => root().join("experiments/models/toyworld"),
        other => root().join("tests/golden/models").join(other),
    };
    Parts::open(&folder).and_then(|parts| parts.load(device(), DType::F32)).unwrap()
}

fn adapter(name: &str, model: &Model) -> LoraSet {
    let path = root().join(format!("tests/golden/images/{name}_lora.safetensors"));
    file::load(&path, &model.denoiser.adaptable_layers(Targets::All), 1.0, device()).unwrap()
}

fn go(_: usize, _: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn check(name: &str) {
    let (cases, expected) = golden();
    let model = model(name);
    let mut lowest: BTreeMap<(&str, bool), f64> = BTreeMap::new();
    let mut plain: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate().filter(|(_, case)| case.model == name) {
        let lora = if case.lora { adapter(name, &model) } else { LoraSet::empty() };
        let images = generate(&model, &case.request(&[case.seed], 1), &lora, &mut go).unwrap();
        let (width, height, pixels) = (images[0].width() as usize, images[0].height() as usize, images[0].as_raw());
        assert_eq!((width, height), (case.width, case.height));
        let expected = &expected[&index.to_string()];
        assert_eq!(expected.dims(), [case.height, case.width, 3]);
        let expected = expected.flatten_all().unwrap().to_vec1::<u8>().unwrap();
        let db = psnr(pixels, &expected);
        let entry = lowest.entry((&case.sampler, case.lora)).or_insert(99.0);
        *entry = entry.min(db);
        assert!(db >= 45.0, "{name} {} {} steps, adapter {}: {db:.1} dB", case.sampler, case.steps, case.lora);
        if case.lora {
            // the witness would notice a missing adapter
            let without = psnr(&plain[&case.seed], &expected);
            assert!(without < 40.0, "{name} {}: {without:.1} dB without the adapter", case.sampler);
        } else {
            plain.insert(case.seed, expected);
        }
    }
    for ((sampler, lora), db) in lowest {
        println!("{name:9} {sampler:15} adapter {lora:5}  at least {db:.1} dB");
    }
}

#[test]
fn sd1_images_equal_diffusers() {
    check("sd1");
}

#[test]
fn sd2_images_equal_diffusers() {
    check("sd2");
}

#[test]
fn toyworld_images_equal_diffusers() {
    check("toyworld");
}

/// A case of `kinds.json`.
#[derive(serde::Deserialize)]
struct KindCase {
    /// Below `tests/golden/adapters`; `None` without an adapter.
    file: Option<String>,
    sampler: String,
    steps: usize,
    width: usize,
    height: usize,
    seed: u64,
    guidance_scale: f64,
    prompt: String,
    negative_prompt: String,
}

/// Images of `tests/golden/images/kinds.py`: adapters of every kind, through diffusers, peft and LyCORIS.
#[test]
fn images_with_adapters_of_every_kind_equal_diffusers() {
    let folder = root().join("tests/golden/images");
    let cases: Vec<KindCase> = serde_json::from_slice(&std::fs::read(folder.join("kinds.json")).unwrap()).unwrap();
    let expected = candle_core::safetensors::load(folder.join("kinds.safetensors"), &Device::Cpu).unwrap();
    let model = model("sd1");
    let layers = model.denoiser.adaptable_layers(Targets::All);
    let mut plain: BTreeMap<(&str, u64), Vec<u8>> = BTreeMap::new();
    let mut kinds = std::collections::BTreeSet::new();
    for (index, case) in cases.iter().enumerate() {
        let lora = match &case.file {
            Some(name) => {
                let path = root().join("tests/golden/adapters").join(name);
                kinds.extend(file::inspect(&path).unwrap().kinds);
                file::load(&path, &layers, 1.0, device()).unwrap()
            }
            None => LoraSet::empty(),
        };
        let request = ImageRequest {
            prompt: &case.prompt,
            negative_prompt: &case.negative_prompt,
            seeds: &[case.seed],
            width: case.width,
            height: case.height,
            sampling: Sampling::new(case.sampler.parse().unwrap(), case.steps),
            reading: PromptOptions::default(),
            guidance: Guidance::new(case.guidance_scale),
            batch_size: 1,
        };
        let images = generate(&model, &request, &lora, &mut go).unwrap();
        let expected = expected[&index.to_string()].flatten_all().unwrap().to_vec1::<u8>().unwrap();
        let db = psnr(images[0].as_raw(), &expected);
        let name = case.file.as_deref().unwrap_or("no adapter");
        println!("{:6} {name:31} {db:.1} dB", case.sampler);
        assert!(db >= 45.0, "{name} {}: {db:.1} dB", case.sampler);
        match &case.file {
            None => drop(plain.insert((&case.sampler, case.seed), expected)),
            Some(_) => {
                let without = psnr(&plain[&(case.sampler.as_str(), case.seed)], &expected);
                assert!(without < 42.0, "{name}: {without:.1} dB without the adapter");
            }
        }
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

/// `few_steps.json`.
#[derive(serde::Deserialize)]
struct FewSteps {
    schedules: BTreeMap<String, serde_json::Value>,
    cases: Vec<FewStepsCase>,
}

#[derive(serde::Deserialize)]
struct FewStepsCase {
    #[serde(flatten)]
    case: Case,
    schedule: String,
    /// Latents that diffusers gave to the UNet, in all steps together.
    samples: usize,
}

/// A model of `tests/golden/models` with another schedule.
fn rescheduled(name: &str, schedule: &serde_json::Value) -> Model {
    let (from, folder) = (root().join("tests/golden/models").join(name), tempfile::tempdir().unwrap());
    for part in ["unet", "vae", "text_encoder", "tokenizer", "scheduler"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
        for entry in std::fs::read_dir(from.join(part)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path().join(part).join(path.file_name().unwrap())).unwrap();
        }
    }
    std::fs::copy(from.join("model_index.json"), folder.path().join("model_index.json")).unwrap();
    std::fs::write(folder.path().join("scheduler/scheduler_config.json"), schedule.to_string()).unwrap();
    let parts = Parts::open(folder.path()).unwrap();
    assert_eq!(parts.warnings, [""; 0]);
    let model = parts.load(device(), DType::F32).unwrap();
    // These are loaded when they are first used.
    model.vae.get().unwrap();
    model.prompts.encoders.iter().for_each(|encoder| drop(encoder.network.get().unwrap()));
    model
}

/// Images of `tests/golden/images/few_steps.py`: SD-Turbo and Lightning in 1 to 8 steps, mostly without guidance, and
/// zero terminal SNR, also with rescaled guidance.
#[test]
fn images_of_few_steps_equal_diffusers() {
    let folder = root().join("tests/golden/images");
    let FewSteps { schedules, cases } =
        serde_json::from_slice(&std::fs::read(folder.join("few_steps.json")).unwrap()).unwrap();
    let expected = candle_core::safetensors::load(folder.join("few_steps.safetensors"), &Device::Cpu).unwrap();
    for (index, FewStepsCase { case, schedule, samples }) in cases.iter().enumerate() {
        let model = rescheduled(&case.model, &schedules[schedule]);
        let draw = |case: &Case| generate(&model, &case.request(&[case.seed], 1), &LoraSet::empty(), &mut go).unwrap();
        let drawn = draw(case);
        let expected = expected[&index.to_string()].flatten_all().unwrap().to_vec1::<u8>().unwrap();
        let db = psnr(drawn[0].as_raw(), &expected);
        let Case { sampler, steps, guidance, .. } = case;
        println!("{schedule:9} {sampler:8} {steps:2} steps, {guidance:?}: {db:.1} dB");
        assert!(db >= 45.0, "{schedule} {sampler} {steps} steps: {db:.1} dB");
        assert_eq!(*samples, if guidance.is_on() { 2 * steps } else { *steps });
        if guidance.rescale > 0.0 {
            // The witness would notice guidance as it is.
            let plain = draw(&Case { guidance: Guidance::new(guidance.scale), ..case.clone() });
            let without = psnr(plain[0].as_raw(), &expected);
            assert!(without < 40.0, "{schedule} {sampler}: {without:.1} dB without rescaling");
        }
        if !guidance.is_on() {
            // The negative prompt is not even read, and every scale without guidance is the same.
            for guidance in [0.0, 0.5, 1.0].map(Guidance::new) {
                let other = Case { guidance, negative_prompt: "a blue house".to_owned(), ..case.clone() };
                assert_eq!(draw(&other), drawn);
            }
        }
    }
}

#[test]
fn an_image_does_not_depend_on_its_neighbours() {
    if !device().is_cpu() {
        // Other devices' libraries may choose other products for another batch; see `at_once`.
        return;
    }
    let (cases, _) = golden();
    let model = model("sd1");
    for case in cases.iter().filter(|case| case.model == "sd1" && case.steps == 7 && !case.lora) {
        if !["ddim", "euler-a", "unipc"].contains(&case.sampler.as_str()) {
            continue;
        }
        let seeds = [case.seed, 1, 2];
        let alone = generate(&model, &case.request(&seeds[..1], 1), &LoraSet::empty(), &mut go).unwrap();
        let all = generate(&model, &case.request(&seeds, 1), &LoraSet::empty(), &mut go).unwrap();
        let batched = generate(&model, &case.request(&seeds, 2), &LoraSet::empty(), &mut go).unwrap();
        assert_eq!(alone[0], all[0], "{}", case.sampler);
        assert_eq!(all, batched, "{}", case.sampler);
        assert_ne!(all[0], all[1]);
    }
}

#[test]
fn progress_counts_and_stops() {
    let (cases, _) = golden();
    let case = &cases[0];
    let model = model(&case.model);
    let mut seen = Vec::new();
    let images = generate(&model, &case.request(&[1, 2, 3], 1), &LoraSet::empty(), &mut |done, total| {
        seen.push(done);
        assert_eq!(total, 3 * case.steps);
        if done == case.steps + 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(images.len(), 1, "the first is finished, the second was stopped, the third never begun");
    assert_eq!(seen, (1..=case.steps + 2).collect::<Vec<_>>());
}

#[test]
fn impossible_requests_are_errors() {
    let (cases, _) = golden();
    let case = &cases[0];
    let model = model(&case.model);
    for (width, height, steps) in [(33, 24, 7), (0, 24, 7), (32, 24, 0), (32, 24, 1001)] {
        let request = case.request(&[1], 1);
        let request = ImageRequest { width, height, sampling: Sampling { steps, ..request.sampling }, ..request };
        assert!(generate(&model, &request, &LoraSet::empty(), &mut go).is_err(), "{width} {height} {steps}");
    }
    assert!(generate(&model, &case.request(&[], 1), &LoraSet::empty(), &mut go).unwrap().is_empty());
}
