//! The optimizers, one variant each, as the trainer sees them.

use candle_core::{Result, Tensor, Var};
use std::collections::BTreeMap;

use super::adamw::{AdamW, AdamWConfig};

/// Which optimizer, with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay.
    AdamW(AdamWConfig),
}

/// An optimizer with its state.
#[derive(Clone, Debug)]
pub enum Optimizer {
    /// Adam with decoupled weight decay.
    AdamW(AdamW),
}

impl Optimizer {
    /// An optimizer that has done no step.
    #[must_use]
    pub fn new(config: OptimizerConfig) -> Self {
        match config {
            OptimizerConfig::AdamW(config) => Self::AdamW(AdamW::new(config)),
        }
    }

    /// Steps done.
    #[must_use]
    pub fn steps(&self) -> u64 {
        match self {
            Self::AdamW(adamw) => adamw.steps,
        }
    }

    /// One step on every variable, each of which must have a gradient under its name.
    ///
    /// # Errors
    /// A variable without a gradient, a full device.
    pub fn step<'a>(
        &mut self,
        variables: impl IntoIterator<Item = (String, &'a Var)>,
        gradients: &BTreeMap<String, Tensor>,
        learning_rate: f64,
    ) -> Result<()> {
        match self {
            Self::AdamW(adamw) => adamw.step(variables, gradients, learning_rate),
        }
    }

    /// The tensors that the next step depends on, by names that no other optimizer uses for something else.
    #[must_use]
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        match self {
            Self::AdamW(adamw) => adamw.state(),
        }
    }

    /// The same optimizer after `steps` steps, with a saved [`state`](Self::state). `take` gives the tensor of a name
    /// for a variable, or says why it cannot.
    ///
    /// # Errors
    /// A tensor that `take` cannot give.
    pub fn restored<'a>(
        &self,
        steps: u64,
        variables: impl IntoIterator<Item = (String, &'a Var)>,
        take: &mut dyn FnMut(&str, &Var) -> std::result::Result<Tensor, String>,
    ) -> std::result::Result<Self, String> {
        match self {
            Self::AdamW(adamw) => Ok(Self::AdamW(adamw.restored(steps, variables, take)?)),
        }
    }
}
