//! A running mean of the adapter's weights: what is kept is smoother than the weights of any one step.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};

/// The running mean of every trainable tensor, by the formula of diffusers'
/// [`EMAModel`](https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/training_utils.py#L281) without its
/// own warm-up: `a ← a - (1 - δ) (a - w)` after step n, with `δ = min(decay, n / (9 + n))`, and δ = 0 at the first
/// step.
#[derive(Clone, Debug)]
pub(super) struct Average {
    decay: f64,
    /// By the names of the variables.
    means: BTreeMap<String, Tensor>,
}

impl Average {
    /// Begins with the weights as they are.
    ///
    /// # Errors
    /// A device without room.
    pub(super) fn new<'a>(decay: f64, variables: impl Iterator<Item = (String, &'a Var)>) -> Result<Self> {
        // `Var::set` writes into the storage of a variable, so the mean needs its own.
        let copy = |(name, variable): (String, &Var)| Ok((name, variable.as_tensor().detach().copy()?));
        Ok(Self { decay, means: variables.map(copy).collect::<Result<_>>()? })
    }

    /// Takes in the weights after step number `step`, counted from 1.
    pub(super) fn update<'a>(&mut self, step: u64, variables: impl Iterator<Item = (String, &'a Var)>) -> Result<()> {
        let done = step.saturating_sub(1) as f64;
        let decay = if done == 0.0 { 0.0 } else { ((1.0 + done) / (10.0 + done)).min(self.decay) };
        for (name, variable) in variables {
            let weights = variable.as_tensor().detach().copy()?;
            let mean = match self.means.get(&name) {
                Some(mean) => (mean - (mean - &weights)?.affine(1.0 - decay, 0.0)?)?,
                None => weights,
            };
            self.means.insert(name, mean);
        }
        Ok(())
    }

    /// The mean of each variable.
    pub(super) fn named(&self) -> impl Iterator<Item = (String, Tensor)> {
        self.means.iter().map(|(name, mean)| (name.clone(), mean.clone()))
    }

    /// The mean of a variable.
    pub(super) fn of(&self, name: &str) -> Option<&Tensor> {
        self.means.get(name)
    }

    /// Goes on with saved means.
    pub(super) fn restore(&mut self, means: BTreeMap<String, Tensor>) {
        self.means = means;
    }
}
