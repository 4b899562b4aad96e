//! What every optimizer is given for one tensor, and what it gives back.

use candle_core::Tensor;

/// One tensor before a step. Weights and gradient are f32, of one shape, and without gradients.
#[derive(Clone, Debug)]
pub(super) struct Before {
    /// Number of this step, counted from 1.
    pub step: u64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// The weights.
    pub value: Tensor,
    /// What the optimizer remembers of the steps before, in the order of its slots; zeros before the first step.
    pub slots: Vec<Tensor>,
    /// The gradient of the weights.
    pub gradient: Tensor,
}

/// The same tensor after the step.
#[derive(Clone, Debug)]
pub(super) struct After {
    /// The weights.
    pub value: Tensor,
    /// What the next step needs to know.
    pub slots: Vec<Tensor>,
}
