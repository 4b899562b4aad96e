//! Training against peft and torch (tests/golden/training/make.py), and the laws it must keep.

#![allow(clippy::print_stdout, clippy::print_stderr)] // measured errors are worth reading

#[path = "../common/device.rs"]
mod device;

use candle_core::{DType, Tensor};
use device::{device, there};
use runner::adapter::Adapter;
use runner::choice::{AdapterKind, Scaling, Targets};
use runner::models::config::{TextConfig, UNetConfig, scheduler};
use runner::models::{Denoiser, LoraSet, Parts, Recompute, TrainedText, UNet2DConditionModel};
use runner::sampling::noise::TorchRng;
use runner::sampling::process::Process;
use runner::sampling::schedule::{NoiseSchedule, ScheduleSettings};
use runner::tensors::Weights;
use runner::training::optimizer::{AdamWConfig, LrCurve, LrSchedule, OptimizerConfig};
use runner::training::{
    Batch, BatchConfig, BatchSource, Gradients, Material, MirrorImage, Preserved, ProbeSet, Prompt, TokenIds, Trainer,
    TrainingConfig, TrainingError, TrainingItem, probe_loss, probe_values,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod laws;
mod steps;

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
    #[serde(default = "attention")]
    targets: Targets,
    /// The text encoder is trained.
    #[serde(default)]
    text: bool,
    text_rate: Option<f64>,
    ema_decay: Option<f64>,
    lora_plus: Option<f64>,
    #[serde(default)]
    rslora: bool,
    /// The base model's output is kept.
    #[serde(default)]
    output: bool,
    /// Last layers of the text encoder that are left out.
    #[serde(default)]
    clip_skip: usize,
    /// How far torch in f32 is from torch in f64.
    f32: Option<InF32>,
    /// Module → tokens of its input, as peft's dropout saw them.
    mask_tokens: BTreeMap<String, usize>,
    steps: Vec<Step>,
}

/// How far torch's own training in f32 is from the same in f64, each as a part of a tensor's norm.
#[derive(serde::Deserialize)]
struct InF32 {
    gradient: f64,
    weights: f64,
    update: f64,
    /// The tensor whose change is farthest.
    tensor: String,
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

fn attention() -> Targets {
    Targets::Attention
}

fn cases() -> BTreeMap<String, Case> {
    let read = |file| -> BTreeMap<String, Case> {
        serde_json::from_str(&std::fs::read_to_string(golden(file)).unwrap()).unwrap()
    };
    read("training/cases.json").into_iter().chain(read("training/options.json")).collect()
}

/// The text encoder of a small model, to be trained without its last layers.
fn text_without(name: &str, skip: usize) -> TrainedText {
    text(name).without_last(skip)
}

/// The text encoder of a small model, to be trained.
fn text(name: &str) -> TrainedText {
    let model = Parts::open(&golden("models").join(name)).unwrap().load(device(), DType::F32).unwrap();
    TrainedText::load(&model.prompts).unwrap()
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
        let mut layers = denoiser.adaptable_layers(self.targets);
        if self.text {
            layers.extend(text_without(&self.model, self.clip_skip).adaptable_layers(self.targets));
        }
        let scaling = if self.rslora { Scaling::RsLora } else { Scaling::Standard };
        let alpha = scaling.alpha(self.alpha, self.rank);
        let adapter = Adapter::init(AdapterKind::Lora, &layers, self.rank, alpha, 0, device()).unwrap();
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
            text_encoder_rate: self.text_rate,
            lora_plus_ratio: self.lora_plus.unwrap_or(1.0),
            ema_decay: self.ema_decay,
        }
    }

    /// A training that has done no step.
    fn trainer<'a>(&self, denoiser: &'a Denoiser, process: &'a Process, recompute: Recompute) -> Trainer<'a> {
        let trainer = Trainer::new(denoiser, process, self.config(recompute), self.adapter(denoiser)).unwrap();
        if self.text { trainer.with_text(text_without(&self.model, self.clip_skip)) } else { trainer }
    }

    fn batches(&self, denoiser: &Denoiser, step: usize) -> Vec<Batch> {
        (0..self.accumulation)
            .map(|pass| {
                let seed = 100_000 + 100 * (step * self.accumulation + pass) as u64;
                let total = self.batch_size * if self.prior.is_some() { 2 } else { 1 };
                let shape = [total, 4, self.size[0], self.size[1]];
                let mut timesteps = TorchRng::new(seed + 3);
                let photos = self.batch_size;
                let times: Vec<f32> = (0..total).map(|_| timesteps.below(1000) as f32).collect();
                // Where the output is kept, the second half are the photos once more.
                let halves = |tensor: Tensor| match self.output {
                    true => tensor.narrow(0, 0, photos).and_then(|half| Tensor::cat(&[&half, &half], 0)).unwrap(),
                    false => tensor,
                };
                Batch {
                    latents: there(&halves((randn(seed, &shape) * 0.8).unwrap())),
                    noise: there(&halves(randn(seed + 1, &shape))),
                    times: if self.output { times[..photos].repeat(2) } else { times },
                    conditioning: self.prompts(denoiser, seed, total),
                    photos,
                    preserved: if self.output { Preserved::Output } else { Preserved::Images },
                    dropout_masks: self.masks(denoiser, seed, total),
                }
            })
            .collect()
    }

    fn prompts(&self, denoiser: &Denoiser, seed: u64, total: usize) -> Prompt {
        if !self.text {
            return there(&randn(seed + 2, &[total, 7, width(denoiser)])).into();
        }
        let config = TextConfig::read(&golden("models").join(&self.model).join("text_encoder/config.json")).unwrap();
        let mut rng = TorchRng::new(seed + 4);
        let ids: Vec<u32> = (0..total * 7).map(|_| rng.below(config.vocab_size as u32)).collect();
        Prompt::Ids(TokenIds { ids: vec![Tensor::from_vec(ids, (total, 7), device()).unwrap()], sizes: None })
    }

    fn masks(&self, denoiser: &Denoiser, seed: u64, total: usize) -> BTreeMap<String, Tensor> {
        let widths: BTreeMap<_, _> =
            denoiser.adaptable_layers(Targets::Attention).into_iter().map(|m| (m.name, m.in_features)).collect();
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

/// The bits of every adapter tensor.
fn bits(trainer: &Trainer<'_>) -> Vec<Vec<f32>> {
    trainer.adapter().variables().map(|(_, v)| v.flatten_all().unwrap().to_vec1().unwrap()).collect()
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
