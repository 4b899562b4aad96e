//! The DreamBooth LoRA fine-tuning of one cell: from cached latents to two adapter files, with a loss
//! and a probe curve. Goes on from the last checkpoint; the result is that of an undisturbed run.

use std::{collections::BTreeMap, time::Instant};

use candle_core::{DType, Device, Tensor};

use super::{
    Context, StageError,
    help::{failed, need},
    prepare::{self, PhotoList, short},
    probe::{ProbeRow, Split},
    train_log::{LossRow, TimingRow, TrainLog},
};
use crate::adapter;
use crate::adapter::Adapter;
use crate::adapter::file::BaseLabel;
use crate::experiment::{
    Settings,
    settings::{LrScheduler, Train},
};
use crate::models::{Conditioning, Model, Recompute};
use crate::plan::Job;
use crate::stage::Stage;
use crate::training::optimizer::{AdamWConfig, LrCurve, LrSchedule, OptimizerConfig};
use crate::training::{
    BatchConfig, BatchSource, ProbeSet, StepReport, Trainer, TrainingConfig, TrainingItem, probe_loss,
};

/// The adapter as diffusers names it.
pub const ADAPTER: &str = "pytorch_lora_weights.safetensors";
/// The adapter as kohya's scripts, A1111 and ComfyUI name it.
pub const KOHYA: &str = "lora_kohya.safetensors";
const CHECKPOINT: &str = "checkpoint/training";

/// Trains one cell's adapter.
pub(super) fn run(model: &Model, job: &Job, ctx: &Context<'_>) -> Result<(), StageError> {
    let settings = &job.settings;
    let items = Items::gather(model, job, ctx)?;
    // All pictures and prompts are encoded now.
    model.vae.release();
    model.text_encoder.release();
    let probes = Probes::new(model, settings, &items);
    let source = batch_source(model, settings, items)?;
    let layers = model.denoiser.adaptable_layers();
    let wanted = &settings.train;
    let adapter = Adapter::init(&layers, wanted.rank, wanted.alpha, wanted.seed, &model.device)?;
    let mut trainer = Trainer::new(&model.denoiser, &model.process, config(wanted), adapter);

    let mut log = resume(&mut trainer, ctx, wanted.steps)?;
    let steps = wanted.steps as u64;
    if trainer.steps_done() == 0 {
        probes.measure(model, &trainer, &mut log)?;
    }
    while trainer.steps_done() < steps {
        let start = Instant::now();
        let step = trainer.steps_done();
        let report = trainer.step(&source.batches(step)?).map_err(failed)?;
        log.step(loss_row(&report, source.epoch(step)), TimingRow::new(report.step, start.elapsed()));
        ctx.progress(Stage::Train, (report.step, steps), "steps", format!("loss {:.4}", report.loss));
        let done = report.step == steps;
        if done || due(report.step, settings.evaluate.probe_every) {
            probes.measure(model, &trainer, &mut log)?;
        }
        let stop = ctx.stop.is_set() && !done;
        if stop || done || due(report.step, wanted.checkpoint_every) {
            ctx.workspace.write(CHECKPOINT, &log.checkpoint(&trainer.save_state()?)?)?;
        }
        if stop {
            return Err(StageError::Stopped);
        }
    }
    log.write(ctx.workspace)?;
    ctx.workspace.write(ADAPTER, &adapter::file::save_diffusers(trainer.adapter())?)?;
    let mut metadata = BaseLabel::of_model(&model.denoiser, &model.process).metadata();
    metadata.extend(kohya_metadata(settings)?);
    ctx.workspace.write(KOHYA, &adapter::file::save_kohya(trainer.adapter(), &metadata)?)?;
    Ok(())
}

/// Goes on where an earlier attempt left a checkpoint; else begins.
fn resume(trainer: &mut Trainer<'_>, ctx: &Context<'_>, steps: usize) -> Result<TrainLog, StageError> {
    let Some(bytes) = ctx.workspace.read(CHECKPOINT)? else { return Ok(TrainLog::default()) };
    let fresh = trainer.save_state()?;
    if let Some((log, state)) = TrainLog::resume(&bytes)
        && trainer.load_state(state).is_ok()
        && log.is_of(trainer.steps_done())
    {
        ctx.note(format!("continuing at step {} of {steps}", trainer.steps_done()));
        return Ok(log);
    }
    trainer.load_state(&fresh).map_err(failed)?;
    ctx.note("the checkpoint is of another training; starting again at step 0".to_owned());
    Ok(TrainLog::default())
}

/// Whether something that happens every `every` steps happens after this one; 0 is never.
fn due(step: u64, every: usize) -> bool {
    every > 0 && step.is_multiple_of(every as u64)
}

/// Photos and class images, encoded.
struct Items {
    train: Vec<TrainingItem>,
    held_out: Vec<TrainingItem>,
    class: Vec<TrainingItem>,
}

impl Items {
    fn gather(model: &Model, job: &Job, ctx: &Context<'_>) -> Result<Self, StageError> {
        let settings = &job.settings;
        let prepared = need(ctx, Stage::Prepare)?;
        let list: PhotoList = serde_json::from_slice(&prepared.read("photos.json")?).map_err(failed)?;
        let latents = prepare::read_latents(prepared)?;
        let mut prompts = Prompts { model, known: BTreeMap::new() };
        let mut photo = |hash: &String| {
            let caption = list.photos.iter().find(|entry| entry.hash == *hash).and_then(|entry| entry.caption.as_ref());
            let prompt = caption.filter(|_| settings.dataset.captions).unwrap_or(&settings.train.instance_prompt);
            let latent =
                latents.get(short(hash)).ok_or_else(|| failed(format!("photo {} has no latents", short(hash))))?;
            prompts.item(latent, prompt)
        };
        let train = job.photos.train.iter().map(&mut photo).collect::<Result<_, _>>()?;
        let held_out = job.photos.held_out.iter().map(&mut photo).collect::<Result<_, _>>()?;
        let class = match &settings.train.prior_preservation {
            None => Vec::new(),
            Some(prior) => {
                let latents = prepare::read_latents(need(ctx, Stage::ClassImages)?)?;
                latents.values().map(|latent| prompts.item(latent, &prior.class_prompt)).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { train, held_out, class })
    }
}

/// Text embeddings, each prompt encoded once.
struct Prompts<'a> {
    model: &'a Model,
    known: BTreeMap<String, Conditioning>,
}

impl Prompts<'_> {
    fn item(&mut self, (mean, std): &(Tensor, Tensor), prompt: &str) -> Result<TrainingItem, StageError> {
        if !self.known.contains_key(prompt) {
            let conditioning = self.model.encode_prompt(prompt)?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
            self.known.insert(prompt.to_owned(), conditioning);
        }
        Ok(TrainingItem { mean: mean.squeeze(0)?, std: std.squeeze(0)?, conditioning: self.known[prompt].clone() })
    }
}

fn batch_source(model: &Model, settings: &Settings, items: Items) -> Result<BatchSource, StageError> {
    let train = &settings.train;
    let config = BatchConfig {
        batch_size: train.batch_size,
        gradient_accumulation: train.gradient_accumulation,
        dropout: train.dropout,
        scaling_factor: model.vae_config.scaling_factor,
        seed: train.seed,
    };
    let layers = model.denoiser.adaptable_layers();
    Ok(BatchSource::new(config, &model.process, items.train, items.class, layers, &model.device)?)
}

fn config(train: &Train) -> TrainingConfig {
    let curve = match train.lr_scheduler {
        LrScheduler::Constant => LrCurve::Constant,
        LrScheduler::ConstantWithWarmup => LrCurve::ConstantWithWarmup,
        LrScheduler::Linear => LrCurve::Linear,
        LrScheduler::Cosine => LrCurve::Cosine,
        LrScheduler::CosineWithRestarts => LrCurve::CosineWithRestarts { cycles: train.lr_cycles },
        LrScheduler::Polynomial => LrCurve::Polynomial { power: train.lr_power },
    };
    TrainingConfig {
        learning_rate: LrSchedule {
            curve,
            peak: train.learning_rate,
            warmup_steps: train.lr_warmup_steps,
            total_steps: train.steps,
        },
        optimizer: OptimizerConfig::AdamW(AdamWConfig {
            beta1: train.adam_beta1,
            beta2: train.adam_beta2,
            epsilon: train.adam_epsilon,
            weight_decay: train.weight_decay,
        }),
        max_grad_norm: train.max_grad_norm,
        prior_weight: train.prior_preservation.as_ref().map_or(0.0, |prior| prior.weight),
        recompute: if train.gradient_checkpointing { Recompute::Blocks } else { Recompute::Nothing },
    }
}

fn loss_row(report: &StepReport, epoch: u64) -> LossRow {
    LossRow {
        step: report.step,
        epoch,
        loss: report.loss,
        instance_loss: report.instance_loss,
        prior_loss: report.prior_loss,
        learning_rate: report.learning_rate,
        grad_norm: report.grad_norm,
    }
}

/// The fixed questions of the probe loss, asked at several steps.
struct Probes {
    sets: Vec<(Split, ProbeSet)>,
    batch_size: usize,
}

impl Probes {
    fn new(model: &Model, settings: &Settings, items: &Items) -> Self {
        let wanted = &settings.evaluate;
        let mut sets = Vec::new();
        for (split, items) in
            [(Split::Train, &items.train), (Split::HeldOut, &items.held_out), (Split::Class, &items.class)]
        {
            let first = items.iter().take(wanted.probe_photos).cloned().collect();
            let factor = model.vae_config.scaling_factor;
            let set = ProbeSet::new(first, wanted.probe_timesteps, &model.process, factor, wanted.probe_seed);
            if !set.is_empty() {
                sets.push((split, set));
            }
        }
        // Not `generate.batch_size`: only what is in the key of `train` may matter here.
        Self { sets, batch_size: settings.train.batch_size }
    }

    fn measure(&self, model: &Model, trainer: &Trainer<'_>, log: &mut TrainLog) -> Result<(), StageError> {
        let adapter = trainer.adapter().frozen_set(1.0)?;
        for (split, set) in &self.sets {
            let loss = probe_loss(&model.denoiser, &model.process, set, &adapter, self.batch_size, &model.device)?;
            log.probe(ProbeRow { step: trainer.steps_done(), split: *split, loss });
        }
        Ok(())
    }
}

/// What other programs show about the file; nothing that changes from run to run.
fn kohya_metadata(settings: &Settings) -> Result<BTreeMap<String, String>, StageError> {
    let train = &settings.train;
    // The word of the experiment file.
    let scheduler: String =
        serde_json::from_value(serde_json::to_value(train.lr_scheduler).map_err(failed)?).map_err(failed)?;
    let entries = [
        ("ss_learning_rate", train.learning_rate.to_string()),
        ("ss_unet_lr", train.learning_rate.to_string()),
        ("ss_lr_scheduler", scheduler),
        ("ss_optimizer", "AdamW".to_owned()),
        ("ss_seed", train.seed.to_string()),
        ("ss_steps", train.steps.to_string()),
        ("ss_num_train_images", settings.dataset.size.to_string()),
        ("ss_batch_size_per_device", train.batch_size.to_string()),
        ("ss_gradient_accumulation_steps", train.gradient_accumulation.to_string()),
        ("ss_resolution", format!("({0}, {0})", settings.dataset.resolution)),
        ("modelspec.trigger_phrase", settings.subject.identifier.clone()),
    ];
    Ok(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
