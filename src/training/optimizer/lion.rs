//! Lion: the sign of a running mean (Chen et al. 2023, <https://arxiv.org/abs/2302.06675>).

use candle_core::{Result, Var};

use super::slot::Slot;
use super::update::{After, Before};
use crate::choice::Optimizer;
use crate::experiment::settings::OptimizerRecipe;

/// The settings of Lion. Formula and order of operations are those of lion-pytorch 0.2.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LionConfig {
    /// Share of the remembered mean in this step's direction.
    pub beta1: f64,
    /// Decay of the remembered mean.
    pub beta2: f64,
    /// Each step multiplies the weights with `1 - learning_rate · weight_decay`.
    pub weight_decay: f64,
}

impl Default for LionConfig {
    fn default() -> Self {
        let defaults = Optimizer::Lion.defaults();
        Self { beta1: defaults.beta1, beta2: defaults.beta2, weight_decay: defaults.weight_decay }
    }
}

impl From<&OptimizerRecipe> for LionConfig {
    fn from(recipe: &OptimizerRecipe) -> Self {
        Self { beta1: recipe.beta1, beta2: recipe.beta2, weight_decay: recipe.weight_decay }
    }
}

impl LionConfig {
    /// The one slot: the mean of the gradients.
    pub(super) fn slots(variable: &Var) -> Vec<Slot> {
        vec![Slot::like("momentum", variable)]
    }

    /// `θ ← (1 - ηλ) θ - η sign(β₁ m + (1 - β₁) g)`, then `m ← β₂ m + (1 - β₂) g`.
    pub(super) fn step(&self, before: &Before) -> Result<After> {
        let Before { learning_rate, value, slots, gradient, .. } = before;
        let mean = |beta: f64| slots[0].affine(beta, 0.0)? + gradient.affine(1.0 - beta, 0.0)?;
        let kept = value.affine(1.0 - *learning_rate * self.weight_decay, 0.0)?;
        let value = (kept - mean(self.beta1)?.sign()?.affine(*learning_rate, 0.0)?)?;
        Ok(After { value, slots: vec![mean(self.beta2)?] })
    }
}
