//! The optimizers, by the names that people use, and the settings that each has when a file does not give them.

use super::words::{Choice, written_as_word};

/// How gradients become a step. The formulas are in `training::optimizer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimizer {
    /// Adam with decoupled weight decay.
    AdamW,
    /// AdamW whose state is kept in 8 bits.
    AdamW8bit,
    /// Steps of one size, in the direction of the sign of a running mean.
    Lion,
    /// Adam that estimates its step size.
    Prodigy,
}

impl Choice for Optimizer {
    const NOUN: &'static str = "optimizer";
    const ALL: &'static [(&'static str, Self)] =
        &[("adamw", Self::AdamW), ("adamw8bit", Self::AdamW8bit), ("lion", Self::Lion), ("prodigy", Self::Prodigy)];
}

written_as_word!(Optimizer);

/// The settings of an optimizer that nobody gave others for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerDefaults {
    /// Decay of the mean of the gradients.
    pub beta1: f64,
    /// Decay of the mean of the squared gradients (AdamW), or of the mean that the next step starts from (Lion).
    pub beta2: f64,
    /// The number added to the denominator; `None` if the optimizer does not divide.
    pub epsilon: Option<f64>,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Optimizer {
    /// The settings of torch's AdamW, bitsandbytes' AdamW8bit, lion-pytorch 0.2.5 and prodigyopt 1.1.2.
    #[must_use]
    pub fn defaults(self) -> OptimizerDefaults {
        match self {
            Self::AdamW | Self::AdamW8bit => {
                OptimizerDefaults { beta1: 0.9, beta2: 0.999, epsilon: Some(1e-8), weight_decay: 0.01 }
            }
            Self::Lion => OptimizerDefaults { beta1: 0.9, beta2: 0.99, epsilon: None, weight_decay: 0.0 },
            Self::Prodigy => OptimizerDefaults { beta1: 0.9, beta2: 0.999, epsilon: Some(1e-8), weight_decay: 0.0 },
        }
    }

    /// The name in running text and in the metadata of adapter files.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::AdamW => "AdamW",
            Self::AdamW8bit => "AdamW8bit",
            Self::Lion => "Lion",
            Self::Prodigy => "Prodigy",
        }
    }
}
