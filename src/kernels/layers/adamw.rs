//! The numbers of a step of AdamW.

/// The numbers of one step of AdamW, which are the same for all weights.
#[derive(Clone, Copy, Debug)]
pub struct AdamWStep {
    /// The decay of the mean of the gradients.
    pub beta1: f64,
    /// The decay of the mean of the squared gradients.
    pub beta2: f64,
    /// The number added to the denominator, outside the root.
    pub epsilon: f64,
    /// The factor that a weight is multiplied with: 1 minus its decay.
    pub kept: f64,
    /// The learning rate, corrected because the mean of the gradients starts at 0.
    pub step_size: f64,
    /// The root of the correction for the mean of the squared gradients, which also starts at 0.
    pub second_correction: f64,
}
