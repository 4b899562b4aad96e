//! The step of an optimizer.

use candle_core::{Result, Tensor};

use super::device;

/// The numbers of one step of AdamW, the same for all weights.
#[derive(Clone, Copy, Debug)]
pub struct AdamWStep {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the denominator, outside the root.
    pub epsilon: f64,
    /// What a weight is multiplied with: one, less its decay.
    pub kept: f64,
    /// Learning rate, corrected for the first mean's start at 0.
    pub step_size: f64,
    /// Root of the correction for the second mean's.
    pub second_correction: f64,
}

/// A weight, the mean of its gradients and that of their squares after a step, all f32 and of one shape;
/// formula and order of operations as in
/// [`torch.optim.AdamW`](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html), without amsgrad.
///
/// # Errors
/// If the shapes differ.
pub fn adamw(
    value: &Tensor,
    first: &Tensor,
    second: &Tensor,
    gradient: &Tensor,
    step: AdamWStep,
) -> Result<[Tensor; 3]> {
    device::adamw(value, first, second, gradient, step)
}
