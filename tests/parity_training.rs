//! Training against peft and torch (tests/golden/training/make.py), and the laws it must keep.

#![allow(clippy::print_stdout, clippy::print_stderr)] // measured errors are worth reading

#[path = "common/device.rs"]
mod device;

use candle_core::{DType, Tensor};
use device::{device, there};
use runner::adapter::Adapter;
use runner::choice::AdapterKind;
use runner::models::config::{UNetConfig, scheduler};
use runner::models::{Denoiser, Recompute, UNet2DConditionModel};
use runner::sampling::noise::TorchRng;
use runner::sampling::process::Process;
use runner::sampling::schedule::{NoiseSchedule, ScheduleSettings};
use runner::tensors::Weights;
use runner::training::optimizer::{AdamWConfig, LrCurve, LrSchedule, OptimizerConfig};
use runner::training::{
    Batch, BatchConfig, BatchSource, Gradients, ProbeSet, Trainer, TrainingConfig, TrainingError, TrainingItem,
    probe_loss,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const STEPS: usize = 20;

#[derive(serde::Deserialize)]
struct Case {
    model: String,
    rank: usize,
    alpha: f64,
    dropout: f64,
    up_deviation: f64,
    learning_rate: f64,
    weight_decay: f64,
    lr_scheduler: String,
    warmup: usize,
    max_grad_norm: f64,
    batch_size: usize,
    accumulation: usize,
    prior: Option<f64>,
    snr_gamma: Option<f64>,
    size: [usize; 2],
    /// Module → tokens of its input, as peft's dropout saw them.
    mask_tokens: BTreeMap<String, usize>,
    steps: Vec<Step>,
}

#[derive(serde::Deserialize)]
struct Step {
    loss: f64,
    instance_loss: f64,
    prior_loss: Option<f64>,
    learning_rate: f64,
    grad_norm: f64,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn cases() -> BTreeMap<String, Case> {
    serde_json::from_str(&std::fs::read_to_string(golden("training/cases.json")).unwrap()).unwrap()
}

/// Width of the tokens that the network attends to.
fn width(denoiser: &Denoiser) -> usize {
    let Denoiser::UNet(unet) = denoiser;
    unet.config().cross_attention_dim
}

fn model(name: &str) -> (Denoiser, Process) {
    let folder = golden("models").join(name);
    let config = UNetConfig::read(&folder.join("unet/config.json")).unwrap();
    let weights = Weights::open_folder(&folder.join("unet"), "diffusion_pytorch_model").unwrap();
    let unet = UNet2DConditionModel::load(&config, &weights, device(), DType::F32).unwrap();
    let schedule = std::fs::read_to_string(folder.join("scheduler/scheduler_config.json")).unwrap();
    (unet.into(), scheduler::process(&schedule).unwrap().0)
}

fn randn(seed: u64, shape: &[usize]) -> Tensor {
    TorchRng::new(seed).randn_tensor(shape).unwrap()
}

impl Case {
    fn adapter(&self, denoiser: &Denoiser) -> Adapter {
        let adapter =
            Adapter::init(AdapterKind::Lora, &denoiser.adaptable_layers(), self.rank, self.alpha, 0, device()).unwrap();
        for (i, (name, variable)) in adapter.variables().enumerate() {
            let deviation = if name.ends_with(".down") { 1.0 / self.rank as f64 } else { self.up_deviation };
            variable.set(&there(&(randn(1000 + i as u64, variable.dims()) * deviation).unwrap())).unwrap();
        }
        adapter
    }

    fn config(&self, recompute: Recompute) -> TrainingConfig {
        let curve = match self.lr_scheduler.as_str() {
            "constant" => LrCurve::Constant,
            "linear" => LrCurve::Linear,
            "cosine" => LrCurve::Cosine,
            "polynomial" => LrCurve::Polynomial { power: 1.0 },
            other => panic!("{other}"),
        };
        TrainingConfig {
            learning_rate: LrSchedule {
                curve,
                peak: self.learning_rate,
                warmup_steps: self.warmup,
                total_steps: STEPS,
            },
            optimizer: OptimizerConfig::AdamW(AdamWConfig {
                weight_decay: self.weight_decay,
                ..AdamWConfig::default()
            }),
            max_grad_norm: self.max_grad_norm,
            prior_weight: self.prior.unwrap_or(0.0),
            snr_gamma: self.snr_gamma,
            recompute,
        }
    }

    fn batches(&self, denoiser: &Denoiser, step: usize) -> Vec<Batch> {
        (0..self.accumulation)
            .map(|pass| {
                let seed = 100_000 + 100 * (step * self.accumulation + pass) as u64;
                let total = self.batch_size * if self.prior.is_some() { 2 } else { 1 };
                let shape = [total, 4, self.size[0], self.size[1]];
                let mut timesteps = TorchRng::new(seed + 3);
                Batch {
                    latents: there(&(randn(seed, &shape) * 0.8).unwrap()),
                    noise: there(&randn(seed + 1, &shape)),
                    times: (0..total).map(|_| timesteps.below(1000) as f32).collect(),
                    conditioning: there(&randn(seed + 2, &[total, 7, width(denoiser)])).into(),
                    photos: self.batch_size,
                    dropout_masks: self.masks(denoiser, seed, total),
                }
            })
            .collect()
    }

    fn masks(&self, denoiser: &Denoiser, seed: u64, total: usize) -> BTreeMap<String, Tensor> {
        let widths: BTreeMap<_, _> = denoiser.adaptable_layers().into_iter().map(|m| (m.name, m.in_features)).collect();
        let mask = |(i, (name, tokens)): (usize, (&String, &usize))| {
            let shape = [total, *tokens, widths[name]];
            let keep = 1.0 / (1.0 - self.dropout as f32);
            let uniform = TorchRng::new(seed * 1000 + i as u64).rand(&shape);
            let mask: Vec<f32> =
                uniform.into_iter().map(|u| if u < self.dropout as f32 { 0.0 } else { keep }).collect();
            (name.clone(), Tensor::from_vec(mask, &shape, device()).unwrap())
        };
        self.mask_tokens.iter().enumerate().map(mask).collect()
    }
}

fn norm(t: &Tensor) -> f64 {
    f64::from(t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt()
}

/// ‖a − b‖ / ‖b‖.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    norm(&(a - b).unwrap()) / norm(b).max(1e-12)
}

/// The worst tensor of two sets of gradients, as a part of that tensor.
fn gradient_distance(a: &Gradients, b: &Gradients) -> f64 {
    assert!(a.tensors.keys().eq(b.tensors.keys()));
    a.tensors.iter().map(|(name, tensor)| distance(tensor, &b.tensors[name])).fold(0.0, f64::max)
}

/// The bits of every adapter tensor.
fn bits(trainer: &Trainer<'_>) -> Vec<Vec<f32>> {
    trainer.adapter().variables().map(|(_, v)| v.flatten_all().unwrap().to_vec1().unwrap()).collect()
}

fn follow(name: &str, recompute: Recompute) {
    let case = &cases()[name];
    let (denoiser, process) = model(&case.model);
    let golden = candle_core::safetensors::load(golden(&format!("training/{name}.safetensors")), device()).unwrap();
    let start = case.adapter(&denoiser);
    let start: BTreeMap<_, _> = start.variables().map(|(name, v)| (name, v.as_tensor().detach())).collect();
    let mut trainer = Trainer::new(&denoiser, &process, case.config(recompute), case.adapter(&denoiser));

    let gradients = trainer.gradients(&case.batches(&denoiser, 0)).unwrap();
    let mut gradient_error = 0f64;
    for (key, gradient) in &gradients.tensors {
        let expected = &golden[&format!("gradient.{key}")];
        // With B = 0 the gradient of A is exactly 0.
        let error = if norm(expected) == 0.0 { norm(gradient) } else { distance(gradient, expected) };
        gradient_error = gradient_error.max(error);
    }
    let (mut loss_error, mut norm_error, mut weight_error, mut update_error) = (0f64, 0f64, 0f64, 0f64);
    for (step, expected) in case.steps.iter().enumerate() {
        let report = trainer.step(&case.batches(&denoiser, step)).unwrap();
        assert_eq!(report.step, step as u64 + 1);
        assert!((report.learning_rate - expected.learning_rate).abs() < 1e-15);
        let relative = |a: f64, b: f64| (a / b - 1.0).abs();
        loss_error = loss_error
            .max(relative(report.loss, expected.loss))
            .max(relative(report.instance_loss, expected.instance_loss));
        assert_eq!(report.prior_loss.is_some(), expected.prior_loss.is_some());
        if let (Some(a), Some(b)) = (report.prior_loss, expected.prior_loss) {
            loss_error = loss_error.max(relative(a, b));
        }
        norm_error = norm_error.max(relative(report.grad_norm, expected.grad_norm));
        for (key, variable) in trainer.adapter().variables() {
            if let Some(expected) = golden.get(&format!("step{}.{key}", step + 1)) {
                weight_error = weight_error.max(distance(variable.as_tensor(), expected));
                let moved = norm(&(expected - &start[&key]).unwrap());
                update_error = update_error.max(norm(&(variable.as_tensor() - expected).unwrap()) / moved);
            }
        }
    }
    println!(
        "{name} {recompute:?}: gradients {gradient_error:.1e}, losses {loss_error:.1e}, norms {norm_error:.1e}, \
         weights {weight_error:.1e}, their change {update_error:.1e}"
    );
    let slack = if device().is_cpu() { 1. } else { 10. };
    assert!(
        gradient_error < 1e-4 * slack && loss_error < 1e-5 * slack && norm_error < 1e-4 * slack,
        "{gradient_error} {loss_error} {norm_error}"
    );
    assert!(weight_error < 1e-5 * slack && update_error < 1e-3 * slack, "{weight_error} {update_error}");
}

#[test]
fn prior_preservation_follows_peft_and_torch() {
    follow("prior", Recompute::Nothing);
}

#[test]
fn recomputed_blocks_follow_peft_and_torch() {
    follow("prior", Recompute::Blocks);
    follow("dropout", Recompute::Blocks);
}

#[test]
fn accumulation_and_clipping_follow_peft_and_torch() {
    follow("accumulation", Recompute::Nothing);
}

#[test]
fn min_snr_weights_follow_diffusers() {
    follow("min_snr", Recompute::Nothing);
    follow("min_snr", Recompute::Blocks);
    follow("min_snr_velocity", Recompute::Nothing);
}

#[test]
fn velocity_prediction_follows_peft_and_torch() {
    follow("velocity", Recompute::Nothing);
}

#[test]
fn dropout_on_odd_sizes_follows_peft_and_torch() {
    follow("dropout", Recompute::Nothing);
}

fn items(count: usize, denoiser: &Denoiser, seed: u64) -> Vec<TrainingItem> {
    (0..count as u64)
        .map(|i| TrainingItem {
            mean: (randn(seed + 10 * i, &[4, 7, 5]) * 5.0).unwrap(),
            std: (randn(seed + 10 * i + 1, &[4, 7, 5]).abs().unwrap() * 0.1).unwrap(),
            conditioning: randn(seed + 10 * i + 2, &[1, 7, width(denoiser)]).into(),
        })
        .collect()
}

fn source(denoiser: &Denoiser, batch_size: usize, accumulation: usize, dropout: f64) -> BatchSource {
    let config =
        BatchConfig { batch_size, gradient_accumulation: accumulation, dropout, scaling_factor: 0.182_15, seed: 3 };
    let (photos, class_images) = (items(3, denoiser, 500), items(4, denoiser, 900));
    let process = Process::Ddpm(NoiseSchedule::new(ScheduleSettings::default()).unwrap());
    BatchSource::new(config, &process, photos, class_images, denoiser.adaptable_layers(), device()).unwrap()
}

#[test]
fn our_dropout_masks_have_the_shapes_peft_saw() {
    let case = &cases()["dropout"];
    let (denoiser, _) = model(&case.model);
    let batch = source(&denoiser, 1, 1, 0.25).batches(0).unwrap().remove(0);
    assert!(batch.dropout_masks.keys().eq(case.mask_tokens.keys()));
    for (name, mask) in &batch.dropout_masks {
        assert_eq!(mask.dim(1).unwrap(), case.mask_tokens[name], "{name}");
    }
}

#[test]
fn a_resumed_training_is_an_uninterrupted_one_to_the_bit() {
    let case = &cases()["accumulation"];
    let (denoiser, process) = model(&case.model);
    let source = source(&denoiser, 1, 2, 0.3);
    let new = || Trainer::new(&denoiser, &process, case.config(Recompute::Nothing), case.adapter(&denoiser));
    let train = |trainer: &mut Trainer<'_>, steps: u64| {
        (0..steps).map(|_| trainer.step(&source.batches(trainer.steps_done()).unwrap()).unwrap()).collect::<Vec<_>>()
    };
    let mut whole = new();
    let reports = train(&mut whole, 10);
    let mut first = new();
    train(&mut first, 5);
    let state = first.save_state().unwrap();
    assert_eq!(state, first.save_state().unwrap());
    let mut second = new();
    // What was trained before must not matter.
    train(&mut second, 2);
    second.load_state(&state).unwrap();
    assert_eq!(second.steps_done(), 5);
    assert_eq!(train(&mut second, 5), reports[5..]);
    assert_eq!(bits(&second), bits(&whole));
    assert_eq!(second.save_state().unwrap(), whole.save_state().unwrap());

    // A state of the very beginning has no moments.
    let fresh = new().save_state().unwrap();
    second.load_state(&fresh).unwrap();
    assert_eq!(train(&mut second, 10), reports);

    let other =
        Adapter::init(AdapterKind::Lora, &denoiser.adaptable_layers(), case.rank + 1, case.alpha, 0, device()).unwrap();
    let mut other = Trainer::new(&denoiser, &process, case.config(Recompute::Nothing), other);
    let error = other.load_state(&state).unwrap_err();
    assert!(matches!(&error, TrainingError::State(reason) if reason.contains("not F32")), "{error}");
    for cut in [0, 7, 100, state.len() / 2, state.len() - 1] {
        assert!(matches!(second.load_state(&state[..cut]), Err(TrainingError::State(_))), "{cut}");
    }
    assert_eq!(bits(&second), bits(&whole), "a refused state changes nothing");
}

#[test]
fn accumulated_passes_and_single_samples_average_to_the_batch() {
    let case = &cases()["prior"];
    let (denoiser, process) = model(&case.model);
    let adapter = Case { up_deviation: 0.1, ..cases().remove("prior").unwrap() }.adapter(&denoiser);
    let trainer = Trainer::new(&denoiser, &process, case.config(Recompute::Nothing), adapter);
    for dropout in [0.0, 0.5] {
        let large = trainer.gradients(&source(&denoiser, 4, 1, dropout).batches(1).unwrap()).unwrap();
        for (batch_size, accumulation) in [(2, 2), (1, 4)] {
            let small = source(&denoiser, batch_size, accumulation, dropout).batches(1).unwrap();
            let small = trainer.gradients(&small).unwrap();
            assert!((small.loss / large.loss - 1.0).abs() < 1e-6);
            let error = gradient_distance(&small, &large);
            assert!(error < 2e-5, "{error}");
        }
    }
}

#[test]
fn numbers_that_are_not_finite_stop_with_step_and_module() {
    let case = &cases()["prior"];
    let (denoiser, process) = model(&case.model);
    let module = denoiser.adaptable_layers()[5].name.clone();
    let source = source(&denoiser, 1, 1, 0.0);
    let mut trainer = Trainer::new(&denoiser, &process, case.config(Recompute::Nothing), case.adapter(&denoiser));
    trainer.step(&source.batches(0).unwrap()).unwrap();
    let before = bits(&trainer);

    let mut batches = source.batches(1).unwrap();
    batches[0].conditioning = (&batches[0].conditioning.tokens * f64::NAN).unwrap().into();
    let error = trainer.step(&batches).unwrap_err().to_string();
    assert!(error.contains("step 2") && error.contains("loss") && error.contains("text embeddings"), "{error}");
    assert_eq!((bits(&trainer), trainer.steps_done()), (before, 1));

    let down = &trainer.adapter().modules[&module][0];
    down.set(&(down.as_tensor() * f64::INFINITY).unwrap()).unwrap();
    let error = trainer.step(&source.batches(1).unwrap()).unwrap_err().to_string();
    assert!(error.contains("step 2") && error.contains(&module), "{error}");
}

#[test]
fn wrong_batches_are_refused() {
    let case = &cases()["prior"];
    let (denoiser, process) = model(&case.model);
    let trainer = Trainer::new(&denoiser, &process, case.config(Recompute::Nothing), case.adapter(&denoiser));
    let good = source(&denoiser, 1, 1, 0.0).batches(0).unwrap().remove(0);
    assert!(trainer.gradients(&[]).is_err());
    for bad in [
        Batch { photos: 0, ..good.clone() },
        Batch { photos: 3, ..good.clone() },
        Batch { times: vec![1.0], ..good.clone() },
        Batch { noise: good.noise.narrow(0, 0, 1).unwrap(), ..good.clone() },
        Batch { times: vec![1.0, 1000.0], ..good.clone() },
        Batch { dropout_masks: BTreeMap::from([("nowhere".to_owned(), good.noise.clone())]), ..good.clone() },
    ] {
        assert!(trainer.gradients(&[bad]).is_err());
    }
}

#[test]
fn the_probe_loss_does_not_depend_on_the_batch_size() {
    if !device().is_cpu() {
        // Other devices' libraries may choose other products for another batch; see `at_once`.
        return;
    }
    for name in ["prior", "velocity"] {
        let case = &cases()[name];
        let (denoiser, process) = model(&case.model);
        let adapter = Case { up_deviation: 0.1, ..cases().remove(name).unwrap() }.adapter(&denoiser);
        let lora = adapter.frozen_set(1.0).unwrap();
        let items = items(3, &denoiser, 100);
        let loss = |items: &[TrainingItem], batch_size| {
            let set = ProbeSet::new(items.to_vec(), 4, &process, 0.182_15, 1);
            probe_loss(&denoiser, &process, &set, &lora, batch_size, device()).unwrap()
        };
        let one = loss(&items, 1);
        for batch_size in [2, 3, 5, 12, 100] {
            assert_eq!(loss(&items, batch_size).to_bits(), one.to_bits(), "{name}, batch {batch_size}");
        }
        // A longer list begins with the questions of a shorter one.

        // The same number from the training loss at the same triples.
        let config = case.config(Recompute::Nothing);
        let trainer = Trainer::new(&denoiser, &process, config, adapter);
        let (mut mean, timesteps) = (0.0, [125.0, 375.0, 625.0, 875.0]);
        for (photo, item) in items.iter().enumerate() {
            for (place, timestep) in timesteps.into_iter().enumerate() {
                let seed = runner::sampling::noise::derive(1, "probe/noise", place as u64, photo as u64);
                let batch = Batch {
                    latents: there(&(item.mean.unsqueeze(0).unwrap() * 0.182_15).unwrap()),
                    noise: there(&randn(seed, &[1, 4, 7, 5])),
                    times: vec![timestep],
                    conditioning: item.conditioning.to_device(device()).unwrap(),
                    photos: 1,
                    dropout_masks: BTreeMap::new(),
                };
                mean += trainer.gradients(&[batch]).unwrap().loss / 12.0;
            }
        }
        assert!((mean / one - 1.0).abs() < 1e-6, "{mean} {one}");
    }
}
