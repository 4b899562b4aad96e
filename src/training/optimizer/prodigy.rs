//! Prodigy: Adam that estimates its step size (Mishchenko and Defazio 2023, <https://arxiv.org/abs/2306.06101>).

use candle_core::{DType, Result, Tensor, Var};

use super::slot::Slot;
use super::update::{After, Before};
use crate::choice::Optimizer;
use crate::experiment::settings::OptimizerRecipe;

/// The settings of Prodigy. Formula and order of operations are those of prodigyopt 1.1.2 with its defaults: decoupled
/// weight decay, no bias correction, no limit to the growth of the step size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProdigyConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Times the step size, added to the denominator, outside the root.
    pub epsilon: f64,
    /// Each step multiplies the weights with `1 - step size · weight_decay`.
    pub weight_decay: f64,
}

impl Default for ProdigyConfig {
    fn default() -> Self {
        let defaults = Optimizer::Prodigy.defaults();
        Self {
            beta1: defaults.beta1,
            beta2: defaults.beta2,
            epsilon: defaults.epsilon.unwrap_or(0.0),
            weight_decay: defaults.weight_decay,
        }
    }
}

impl From<&OptimizerRecipe> for ProdigyConfig {
    fn from(recipe: &OptimizerRecipe) -> Self {
        Self {
            beta1: recipe.beta1,
            beta2: recipe.beta2,
            epsilon: recipe.epsilon.unwrap_or(Self::default().epsilon),
            weight_decay: recipe.weight_decay,
        }
    }
}

/// The first estimate of the distance to the solution (`d0`).
const FIRST_DISTANCE: f64 = 1e-6;

impl ProdigyConfig {
    /// The mean of the gradients, the mean of their squares, the weighted sum of the gradients, and the weights before
    /// the first step.
    pub(super) fn slots(variable: &Var) -> Vec<Slot> {
        ["d_first", "d_second", "d_sum", "d_start"].map(|name| Slot::like(name, variable)).into()
    }

    /// What all variables share before the first step: the estimate of the distance, which is the largest one so far,
    /// and its numerator.
    pub(super) fn shared() -> Vec<f64> {
        vec![FIRST_DISTANCE, 0.0]
    }

    /// The step of all variables. With `β₃ = √β₂` and a learning rate `η`, the same for all:
    ///
    /// `m ← β₁ m + (1 - β₁) d g`, `v ← β₂ v + (1 - β₂) d² g²`,
    /// `r ← β₃ r + d/d₀ · dη ⟨g, x₀ - x⟩`, `s ← β₃ s + d/d₀ · dη g`, `d̂ = r / ‖s‖₁`,
    /// `x ← (1 - λ dη) x - dη m / (√v + d' ε)`, where `d` is the old estimate and `d' = max(d, d̂)` the new one.
    pub(super) fn step(&self, all: &[&Before], shared: &mut Vec<f64>) -> Result<Vec<After>> {
        let &[distance, numerator] = shared.as_slice() else {
            candle_core::bail!("Prodigy's shared numbers are {shared:?}, not two");
        };
        let Self { beta1, beta2, epsilon, weight_decay } = *self;
        let beta3 = beta2.sqrt();
        let rate = all.iter().map(|before| before.learning_rate).fold(0.0, f64::max);
        let step_size = distance * rate;
        let weight = distance / FIRST_DISTANCE * step_size;
        let (mut numerator, mut denominator) = (numerator * beta3, 0.0);
        let mut means = Vec::with_capacity(all.len());
        for before in all {
            let Before { value, slots, gradient, step, .. } = before;
            // A copy: the variable changes in its place.
            let start = if *step == 1 { value.copy()? } else { slots[3].clone() };
            let mean = |old: &Tensor, beta: f64, new: &Tensor, factor: f64| {
                old.affine(beta, 0.0)? + new.affine(factor, 0.0)?
            };
            let first = mean(&slots[0], beta1, gradient, distance * (1.0 - beta1))?;
            let second = mean(&slots[1], beta2, &gradient.sqr()?, distance * distance * (1.0 - beta2))?;
            // As in prodigyopt, nothing is learned of the distance where the rate is 0.
            let sum = if rate > 0.0 { mean(&slots[2], beta3, gradient, weight)? } else { slots[2].clone() };
            let number = |tensor: Tensor| {
                Ok::<_, candle_core::Error>(f64::from(tensor.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()?))
            };
            numerator += weight * number((gradient * (&start - value)?)?)?;
            denominator += number(sum.abs()?)?;
            means.push([first, second, sum, start]);
        }
        if rate == 0.0 || denominator == 0.0 {
            let unchanged = |before: &Before, slots: &[Tensor; 4]| {
                // Without a rate, prodigyopt remembers only where it began.
                let old = &before.slots;
                let kept = if rate > 0.0 { slots.each_ref() } else { [&old[0], &old[1], &old[2], &slots[3]] };
                Ok(After { value: before.value.copy()?, slots: kept.map(Tensor::clone).into() })
            };
            return all.iter().zip(&means).map(|(before, slots)| unchanged(before, slots)).collect();
        }
        let estimate = numerator / denominator;
        // There is no limit to the growth, so the new estimate is the largest one so far.
        let new = distance.max(estimate);
        *shared = vec![new, numerator];
        let step = |(before, slots): (&&Before, [Tensor; 4])| {
            let [first, second, ..] = &slots;
            // Not times `1 - λ dη`: in f32 that is 1 as long as the step size is small.
            let decay = before.value.affine(weight_decay * step_size, 0.0)?;
            let kept = (&before.value - decay)?;
            let direction = (first / second.sqrt()?.affine(1.0, new * epsilon)?)?;
            Ok(After { value: (kept - direction.affine(step_size, 0.0)?)?, slots: slots.into() })
        };
        all.iter().zip(means).map(step).collect()
    }
}
