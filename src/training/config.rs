//! The settings of an optimizer step.

use super::optimizer::{LrSchedule, OptimizerConfig};
use crate::experiment::settings::TrainRecipe;
use crate::models::Recompute;

/// The settings of an optimizer step.
#[derive(Clone, Copy, Debug)]
pub struct TrainingConfig {
    /// Learning rate of every step.
    pub learning_rate: LrSchedule,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// Limit of the joint gradient norm; 0 switches clipping off.
    pub max_grad_norm: f64,
    /// Weight of the class images' loss.
    pub prior_weight: f64,
    /// γ of the min-SNR weights of the photos' losses
    /// ([`min_snr_weights`](crate::sampling::process::Process::min_snr_weights)); `None`: every loss has weight 1.
    pub snr_gamma: Option<f64>,
    /// Whether activations are kept or computed again in the backward pass.
    pub recompute: Recompute,
    /// Peak learning rate of the text encoders' layers; `None`: that of all others.
    pub text_encoder_rate: Option<f64>,
    /// The learning rate of the B matrices of a LoRA is so many times that of the others
    /// ([LoRA+](https://arxiv.org/abs/2402.12354)).
    pub lora_plus_ratio: f64,
    /// Decay of the running mean of the weights, if there is one.
    pub ema_decay: Option<f64>,
}

impl From<&TrainRecipe> for TrainingConfig {
    /// Without class images: their loss has weight 0.
    fn from(recipe: &TrainRecipe) -> Self {
        Self {
            learning_rate: recipe.into(),
            optimizer: (&recipe.optimizer).into(),
            max_grad_norm: recipe.max_grad_norm,
            prior_weight: 0.0,
            snr_gamma: recipe.snr_gamma,
            recompute: if recipe.gradient_checkpointing { Recompute::Blocks } else { Recompute::Nothing },
            text_encoder_rate: recipe.text_encoder_learning_rate,
            lora_plus_ratio: recipe.optimizer.lora_plus_ratio.unwrap_or(1.0),
            ema_decay: recipe.ema_decay,
        }
    }
}
