//! The DreamBooth LoRA fine-tuning of one cell: from cached latents to two adapter files, with a loss
//! and a probe curve. Goes on from the last checkpoint; the result is that of an undisturbed run.

use std::{collections::BTreeMap, time::Instant};

use super::{
    context::Context,
    error::{StageError, failed},
    probe_curve::ProbeCurve,
    train_log::TrainLog,
    train_metadata,
    training_items::Items,
};
use crate::adapter;
use crate::adapter::file::BaseLabel;
use crate::adapter::{Adapter, Start};
use crate::choice::AdapterKind;
use crate::kernels;
use crate::models::{AdaptableLayer, Model, TrainedText};
use crate::records::adapters::{self, DIFFUSERS, KOHYA};
use crate::records::rows::{LossRow, TimingRow};
use crate::stage::Train;
use crate::training::{BatchConfig, BatchSource, StepReport, Trainer, TrainingConfig};

const CHECKPOINT: &str = "checkpoint/training";

/// Trains one cell's adapter.
pub(super) fn run(model: &Model, wanted: &Train, ctx: &Context<'_>) -> Result<(), StageError> {
    // All pictures are encoded by now.
    model.vae.release();
    let items = Items::gather(model, wanted, ctx)?;
    // And so are all prompts, unless the text encoders are trained.
    let recipe = &wanted.train.recipe;
    let text = recipe.text_encoder.then(|| TrainedText::load(&model.prompts)).transpose()?;
    let text = text.map(|text| text.without_last(recipe.clip_skip.unwrap_or(0)));
    model.prompts.release();
    kernels::release_freed_memory();
    let probes = ProbeCurve::new(model, wanted, &items);
    let targets = recipe.targets;
    let mut layers = model.denoiser.adaptable_layers(targets);
    layers.extend(text.iter().flat_map(|text| text.adaptable_layers(targets)));
    let mut norms = BTreeMap::new();
    if recipe.adapter == AdapterKind::Dora {
        norms = model.denoiser.weight_norms(targets)?;
        if let Some(text) = &text {
            norms.extend(text.weight_norms(targets)?);
        }
    }
    let start = Start {
        kind: recipe.adapter,
        rank: recipe.rank,
        alpha: recipe.plain_alpha(),
        seed: recipe.seed,
        lokr_factor: recipe.lokr_factor,
        norms: &norms,
    };
    let adapter = Adapter::begin(&start, &layers, &model.device)?;
    let source = batch_source(model, wanted, items, layers)?;
    let mut trainer = Trainer::new(&model.denoiser, &model.process, config(wanted), adapter)?;
    if let Some(text) = text {
        trainer = trainer.with_text(text);
    }

    let mut log = resume(&mut trainer, wanted, ctx)?;
    let steps = recipe.steps as u64;
    if trainer.steps_done() == 0 {
        probes.measure(model, &trainer, &mut log)?;
        log.show(ctx.workspace)?;
    }
    while trainer.steps_done() < steps {
        let start = Instant::now();
        let step = trainer.steps_done();
        let report = trainer.step(&source.batches(step)?).map_err(failed)?;
        log.step(loss_row(&report, source.epoch(step)), TimingRow::new(report.step, start.elapsed()));
        ctx.progress((report.step, steps), "steps", format!("loss {:.4}", report.loss));
        let done = report.step == steps;
        let probed = done || due(report.step, wanted.evaluate.probe_every);
        if probed {
            probes.measure(model, &trainer, &mut log)?;
        }
        if keeps(wanted, report.step) {
            let file = adapters::of_step(usize::try_from(report.step).ok());
            ctx.workspace.write(&file, &adapter::file::save_diffusers(&trainer.kept()?)?)?;
        }
        let stop = ctx.stop.is_set() && !done;
        let pause = ctx.until.is_some_and(|until| report.step >= until) && !done;
        let kept = stop || pause || done || due(report.step, wanted.hints.checkpoint_every);
        if kept {
            ctx.workspace.write(CHECKPOINT, &log.checkpoint(&trainer.save_state()?)?)?;
        }
        if probed || kept {
            log.show(ctx.workspace)?;
        }
        if stop {
            return Err(StageError::Stopped);
        }
        if pause {
            return Err(StageError::Paused(report.step));
        }
    }
    log.write(ctx.workspace)?;
    ctx.workspace.write(DIFFUSERS, &adapter::file::save_diffusers(&trainer.kept()?)?)?;
    let mut metadata = BaseLabel::of_model(&model.denoiser, &model.process).metadata();
    metadata.extend(train_metadata::of(wanted));
    ctx.workspace.write(KOHYA, &adapter::file::save_kohya(&trainer.kept()?, &metadata)?)?;
    Ok(())
}

/// Whether the adapter is kept after this step.
fn keeps(wanted: &Train, step: u64) -> bool {
    usize::try_from(step).is_ok_and(|step| wanted.train.recipe.keeps(step))
}

/// Goes on where an earlier attempt left a checkpoint; else begins.
fn resume(trainer: &mut Trainer<'_>, wanted: &Train, ctx: &Context<'_>) -> Result<TrainLog, StageError> {
    let Some(bytes) = ctx.workspace.read(CHECKPOINT)? else { return Ok(TrainLog::default()) };
    let fresh = trainer.save_state()?;
    if let Some((log, state)) = TrainLog::resume(&bytes)
        && trainer.load_state(state).is_ok()
        && log.is_of(trainer.steps_done())
        && has_kept(wanted, trainer.steps_done(), ctx)
    {
        ctx.note(format!("continuing at step {} of {}", trainer.steps_done(), wanted.train.recipe.steps));
        return Ok(log);
    }
    trainer.load_state(&fresh).map_err(failed)?;
    ctx.note("the checkpoint is of another training; starting again at step 0".to_owned());
    Ok(TrainLog::default())
}

/// Whether every adapter that was to be kept until this step is there.
fn has_kept(wanted: &Train, steps: u64, ctx: &Context<'_>) -> bool {
    let mut kept = (1..=steps).filter(|step| keeps(wanted, *step)).filter_map(|step| usize::try_from(step).ok());
    kept.all(|step| ctx.workspace.has(&adapters::of_step(Some(step))))
}

/// Whether something that happens every `every` steps happens after this one; 0 is never.
fn due(step: u64, every: usize) -> bool {
    every > 0 && step.is_multiple_of(every as u64)
}

fn batch_source(
    model: &Model,
    wanted: &Train,
    items: Items,
    layers: Vec<AdaptableLayer>,
) -> Result<BatchSource, StageError> {
    let config = BatchConfig::new(&wanted.train.recipe, model.vae_config.latent_scale());
    Ok(BatchSource::new(config, &model.process, items.material, layers, &model.device)?)
}

fn config(wanted: &Train) -> TrainingConfig {
    let prior_weight = wanted.train.prior_preservation.as_ref().map_or(0.0, |prior| prior.weight);
    TrainingConfig { prior_weight, ..TrainingConfig::from(&wanted.train.recipe) }
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
