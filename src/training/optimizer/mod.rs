//! Optimizers, gradient clipping and learning rate schedules, as torch and diffusers define them.
//!
//! An optimizer is one file with its settings, the names of its slots (the tensors that it remembers), and its step on
//! one tensor. The loop over the tensors and the saved state are here, once.

mod adamw;
mod clip;
mod lion;
mod lr_schedule;
#[cfg(test)]
mod tests;
mod update;

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var, bail};

use crate::choice;
use crate::experiment::settings::OptimizerRecipe;
use update::{After, Before};

pub use adamw::AdamWConfig;
pub use clip::{clip_factor, gradient_norm};
pub use lion::LionConfig;
pub use lr_schedule::{LrCurve, LrSchedule};

/// Which optimizer, with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay.
    AdamW(AdamWConfig),
    /// The sign of a running mean.
    Lion(LionConfig),
}

impl From<&OptimizerRecipe> for OptimizerConfig {
    fn from(recipe: &OptimizerRecipe) -> Self {
        match recipe.name {
            choice::Optimizer::AdamW => Self::AdamW(recipe.into()),
            choice::Optimizer::Lion => Self::Lion(recipe.into()),
        }
    }
}

impl OptimizerConfig {
    /// The names of the tensors that the optimizer remembers of each variable; no optimizer uses a name that another
    /// one uses for something else.
    fn slots(&self) -> &'static [&'static str] {
        match self {
            Self::AdamW(_) => AdamWConfig::SLOTS,
            Self::Lion(_) => LionConfig::SLOTS,
        }
    }

    fn step(&self, before: &Before<'_>) -> Result<After> {
        match self {
            Self::AdamW(adamw) => adamw.step(before),
            Self::Lion(lion) => lion.step(before),
        }
    }
}

/// An optimizer with its state.
#[derive(Clone, Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    steps: u64,
    /// Name of a variable → its slots, f32, of its shape; absent before the first step.
    slots: BTreeMap<String, Vec<Tensor>>,
}

impl Optimizer {
    /// An optimizer that has done no step.
    #[must_use]
    pub fn new(config: OptimizerConfig) -> Self {
        Self { config, steps: 0, slots: BTreeMap::new() }
    }

    /// Steps done.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
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
        self.steps += 1;
        for (name, variable) in variables {
            let Some(gradient) = gradients.get(&name) else { bail!("{name} has no gradient") };
            let slots = match self.slots.remove(&name) {
                Some(slots) => slots,
                None => self.config.slots().iter().map(|_| variable.zeros_like()).collect::<Result<_>>()?,
            };
            let (value, gradient) = (variable.as_tensor().detach(), gradient.detach());
            let step = self.steps;
            let before = Before { step, learning_rate, value: &value, slots: &slots, gradient: &gradient };
            let After { value, slots } = self.config.step(&before)?;
            variable.set(&value)?;
            self.slots.insert(name, slots);
        }
        Ok(())
    }

    /// `<slot>.<name>` of every slot of every variable: what the next step depends on. Empty before the first step.
    #[must_use]
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let named = |(name, slots): (&String, &Vec<Tensor>)| -> Vec<(String, Tensor)> {
            let names = self.config.slots().iter().map(|slot| format!("{slot}.{name}"));
            names.zip(slots.iter().cloned()).collect()
        };
        self.slots.iter().flat_map(named).collect()
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
        let mut restored = Self { steps, ..Self::new(self.config) };
        for (name, variable) in variables.into_iter().filter(|_| steps > 0) {
            let slots = self.config.slots().iter().map(|slot| take(&format!("{slot}.{name}"), variable));
            let slots = slots.collect::<std::result::Result<_, _>>()?;
            restored.slots.insert(name, slots);
        }
        Ok(restored)
    }
}
