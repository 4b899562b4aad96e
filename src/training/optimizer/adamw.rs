//! Adam with decoupled weight decay (Loshchilov and Hutter 2017, <https://arxiv.org/abs/1711.05101>).

use candle_core::{Result, Var};

use super::slot::Slot;
use super::update::{After, Before};
use crate::choice::Optimizer;
use crate::experiment::settings::OptimizerRecipe;
use crate::kernels::{AdamWStep, adamw};

/// The settings of AdamW; the default is torch's. Formula and order of operations are those of
/// [`torch.optim.AdamW`](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html), without amsgrad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the denominator, outside the root.
    pub epsilon: f64,
    /// Each step multiplies the weights with `1 - learning_rate · weight_decay`.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        let defaults = Optimizer::AdamW.defaults();
        Self {
            beta1: defaults.beta1,
            beta2: defaults.beta2,
            epsilon: defaults.epsilon.unwrap_or(0.0),
            weight_decay: defaults.weight_decay,
        }
    }
}

impl From<&OptimizerRecipe> for AdamWConfig {
    fn from(recipe: &OptimizerRecipe) -> Self {
        Self {
            beta1: recipe.beta1,
            beta2: recipe.beta2,
            epsilon: recipe.epsilon.unwrap_or(Self::default().epsilon),
            weight_decay: recipe.weight_decay,
        }
    }
}

impl AdamWConfig {
    /// The two slots: the mean of the gradients, and the mean of their squares.
    pub(super) fn slots(variable: &Var) -> Vec<Slot> {
        ["first", "second"].map(|name| Slot::like(name, variable)).into()
    }

    /// One tensor's step.
    pub(super) fn step(&self, before: &Before) -> Result<After> {
        let Self { beta1, beta2, epsilon, weight_decay } = *self;
        let Before { learning_rate, value, slots, gradient, .. } = before;
        let steps = before.step as f64;
        let step = AdamWStep {
            beta1,
            beta2,
            epsilon,
            kept: 1.0 - *learning_rate * weight_decay,
            step_size: *learning_rate / (1.0 - beta1.powf(steps)),
            second_correction: (1.0 - beta2.powf(steps)).sqrt(),
        };
        let [value, first, second] = adamw(value, &slots[0], &slots[1], gradient, step)?;
        Ok(After { value, slots: vec![first, second] })
    }
}
