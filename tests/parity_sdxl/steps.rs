//! Training steps beside those that a script recorded.

use candle_core::Tensor;
use runner::models::Recompute;
use runner::training::optimizer::{AdamWConfig, LrCurve, LrSchedule, OptimizerConfig};
use runner::training::{Batch, Trainer, TrainingConfig};

const STEPS: usize = 20;

/// What the scripts recorded of a step.
#[derive(serde::Deserialize)]
pub(super) struct Step {
    loss: f64,
    instance_loss: f64,
    prior_loss: f64,
    grad_norm: f64,
}

/// The settings of the scripts.
pub(super) fn config(recompute: Recompute) -> TrainingConfig {
    TrainingConfig {
        learning_rate: LrSchedule { curve: LrCurve::Constant, peak: 1e-3, warmup_steps: 0, total_steps: STEPS },
        optimizer: OptimizerConfig::AdamW(AdamWConfig { weight_decay: 1e-4, ..AdamWConfig::default() }),
        max_grad_norm: 1.0,
        prior_weight: 1.0,
        snr_gamma: None,
        recompute,
        text_encoder_rate: None,
        lora_plus_ratio: 1.0,
        ema_decay: None,
    }
}

/// Trains as the script did. The largest relative errors of the losses and of the gradients' norms.
pub(super) fn follow(trainer: &mut Trainer<'_>, steps: &[Step], batch: impl Fn(usize) -> Batch) -> (f64, f64) {
    assert_eq!(steps.len(), STEPS);
    let (mut loss_error, mut norm_error) = (0f64, 0f64);
    for (step, expected) in steps.iter().enumerate() {
        let report = trainer.step(&[batch(step)]).unwrap();
        let relative = |a: f64, b: f64| (a / b - 1.0).abs();
        loss_error = loss_error
            .max(relative(report.loss, expected.loss))
            .max(relative(report.instance_loss, expected.instance_loss))
            .max(relative(report.prior_loss.unwrap(), expected.prior_loss));
        norm_error = norm_error.max(relative(report.grad_norm, expected.grad_norm));
    }
    (loss_error, norm_error)
}

/// How far trained numbers are from the script's, as a share of how far these came from the beginning.
pub(super) fn away(trained: &Tensor, golden: &Tensor, begin: &Tensor) -> f64 {
    let norm = |x: &Tensor| f64::from(x.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt();
    norm(&(trained - golden).unwrap()) / norm(&(golden - begin).unwrap())
}
