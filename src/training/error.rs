//! Why a training stops.

/// Why training cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A number of the loss or a gradient is NaN or infinite.
    #[error("step {step}: the {quantity} is not finite; {culprit}")]
    NonFinite {
        /// Number of the optimizer step, counted from 1.
        step: u64,
        /// `loss` or `gradient norm`.
        quantity: &'static str,
        /// The first module at fault, and what can be done.
        culprit: String,
    },
    /// A tensor operation failed, e.g. the device is out of memory.
    #[error("step {step}: {source}")]
    Tensor {
        /// Number of the optimizer step, counted from 1.
        step: u64,
        /// Candle's reason.
        source: candle_core::Error,
    },
    /// A saved training state does not belong to this training.
    #[error("the saved training state does not fit: {0}")]
    State(String),
}
