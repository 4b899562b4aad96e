//! Optimizers, gradient clipping and learning rate schedules, as torch and diffusers define them.
//!
//! An optimizer is one file with its settings, the names of its slots (the tensors that it remembers), and its step on
//! one tensor. The loop over the tensors and the saved state are here, once.

mod adamw;
mod adamw8bit;
mod clip;
mod lion;
mod lr_schedule;
mod prodigy;
mod slot;
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
pub use prodigy::ProdigyConfig;
pub use slot::Slot;

/// Which optimizer, with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay.
    AdamW(AdamWConfig),
    /// The same with a state of 8 bits.
    AdamW8bit(AdamWConfig),
    /// The sign of a running mean.
    Lion(LionConfig),
    /// Adam that estimates its step size.
    Prodigy(ProdigyConfig),
}

impl From<&OptimizerRecipe> for OptimizerConfig {
    fn from(recipe: &OptimizerRecipe) -> Self {
        match recipe.name {
            choice::Optimizer::AdamW => Self::AdamW(recipe.into()),
            choice::Optimizer::AdamW8bit => Self::AdamW8bit(recipe.into()),
            choice::Optimizer::Lion => Self::Lion(recipe.into()),
            choice::Optimizer::Prodigy => Self::Prodigy(recipe.into()),
        }
    }
}

impl OptimizerConfig {
    /// What the optimizer remembers of a variable.
    fn slots(&self, variable: &Var) -> Vec<Slot> {
        match self {
            Self::AdamW(_) => AdamWConfig::slots(variable),
            Self::AdamW8bit(_) => adamw8bit::slots(variable),
            Self::Lion(_) => LionConfig::slots(variable),
            Self::Prodigy(_) => ProdigyConfig::slots(variable),
        }
    }

    /// What the optimizer remembers of all variables together, before the first step.
    fn shared(&self) -> Vec<f64> {
        match self {
            Self::AdamW(_) | Self::AdamW8bit(_) | Self::Lion(_) => Vec::new(),
            Self::Prodigy(_) => ProdigyConfig::shared(),
        }
    }

    /// The step of every variable.
    fn step(&self, all: &[&Before], shared: &mut Vec<f64>) -> Result<Vec<After>> {
        match self {
            Self::AdamW(adamw) => all.iter().map(|before| adamw.step(before)).collect(),
            Self::AdamW8bit(adamw) => all.iter().map(|before| adamw8bit::step(adamw, before)).collect(),
            Self::Lion(lion) => all.iter().map(|before| lion.step(before)).collect(),
            Self::Prodigy(prodigy) => prodigy.step(all, shared),
        }
    }
}

/// An optimizer with its state.
#[derive(Clone, Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    steps: u64,
    /// Name of a variable → its slots; absent before the first step.
    slots: BTreeMap<String, Vec<(&'static str, Tensor)>>,
    shared: Vec<f64>,
}

impl Optimizer {
    /// An optimizer that has done no step.
    #[must_use]
    pub fn new(config: OptimizerConfig) -> Self {
        Self { config, steps: 0, slots: BTreeMap::new(), shared: config.shared() }
    }

    /// Steps done.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step on every variable, each of which must have a gradient under its name; `rate` is the learning rate of
    /// the variable of that name.
    ///
    /// # Errors
    /// A variable without a gradient, a full device.
    pub fn step<'a>(
        &mut self,
        variables: impl IntoIterator<Item = (String, &'a Var)>,
        gradients: &BTreeMap<String, Tensor>,
        rate: impl Fn(&str) -> f64,
    ) -> Result<()> {
        let step = self.steps + 1;
        let mut all = Vec::new();
        for (name, variable) in variables {
            let Some(gradient) = gradients.get(&name) else { bail!("{name} has no gradient") };
            let slots = match self.slots.get(&name) {
                Some(slots) => slots.iter().map(|(_, tensor)| tensor.clone()).collect(),
                None => {
                    let slots = self.config.slots(variable);
                    slots.iter().map(|slot| slot.zeros(variable.device())).collect::<Result<Vec<_>>>()?
                }
            };
            let (learning_rate, value) = (rate(&name), variable.as_tensor().detach());
            all.push((name, variable, Before { step, learning_rate, value, slots, gradient: gradient.detach() }));
        }
        let befores: Vec<&Before> = all.iter().map(|(_, _, before)| before).collect();
        let after = self.config.step(&befores, &mut self.shared)?;
        self.steps = step;
        for ((name, variable, ..), After { value, slots }) in all.into_iter().zip(after) {
            variable.set(&value)?;
            let names = self.config.slots(variable).into_iter().map(|slot| slot.name);
            self.slots.insert(name, names.zip(slots).collect());
        }
        Ok(())
    }

    /// `<slot>.<name>` of every slot of every variable: what the next step depends on. Empty before the first step.
    #[must_use]
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let named = |(name, slots): (&String, &Vec<(&'static str, Tensor)>)| -> Vec<(String, Tensor)> {
            slots.iter().map(|(slot, tensor)| (format!("{slot}.{name}"), tensor.clone())).collect()
        };
        self.slots.iter().flat_map(named).collect()
    }

    /// What belongs to no variable: the other part of what the next step depends on.
    #[must_use]
    pub fn shared(&self) -> &[f64] {
        &self.shared
    }

    /// The same optimizer after `steps` steps, with a saved [`state`](Self::state) and what was
    /// [`shared`](Self::shared). `take` gives the tensor of a name for a slot of a variable, or says why it cannot.
    ///
    /// # Errors
    /// A tensor that `take` cannot give, or another number of shared numbers.
    pub fn restored<'a>(
        &self,
        steps: u64,
        shared: Vec<f64>,
        variables: impl IntoIterator<Item = (String, &'a Var)>,
        take: &mut dyn FnMut(&str, &Slot) -> std::result::Result<Tensor, String>,
    ) -> std::result::Result<Self, String> {
        if shared.len() != self.config.shared().len() || shared.iter().any(|number| !number.is_finite()) {
            return Err(format!("the optimizer's shared numbers are {shared:?}"));
        }
        let mut restored = Self { steps, shared, ..Self::new(self.config) };
        for (name, variable) in variables.into_iter().filter(|_| steps > 0) {
            let slots = self.config.slots(variable).into_iter().map(|slot| {
                let tensor = take(&format!("{}.{name}", slot.name), &slot)?;
                Ok((slot.name, tensor.to_device(variable.device()).map_err(|e| e.to_string())?))
            });
            let slots = slots.collect::<std::result::Result<_, String>>()?;
            restored.slots.insert(name, slots);
        }
        Ok(restored)
    }
}
