//! Adam with decoupled weight decay (Loshchilov and Hutter 2017, <https://arxiv.org/abs/1711.05101>).

use candle_core::{Result, Tensor, Var, bail};
use std::collections::BTreeMap;

use crate::experiment::settings::TrainRecipe;
use crate::kernels::{AdamWStep, adamw};

/// The settings of [`AdamW`]; the default is torch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the denominator, outside the root.
    pub epsilon: f64,
    /// Each step multiplies the weights with `1 - learning_rate · weight_decay`.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 1e-2 }
    }
}

impl From<&TrainRecipe> for AdamWConfig {
    fn from(recipe: &TrainRecipe) -> Self {
        Self {
            beta1: recipe.adam_beta1,
            beta2: recipe.adam_beta2,
            epsilon: recipe.adam_epsilon,
            weight_decay: recipe.weight_decay,
        }
    }
}

/// Running means of one tensor's gradients, f32, of that tensor's shape.
#[derive(Clone, Debug)]
pub struct Moments {
    /// m: mean of the gradients.
    pub first: Tensor,
    /// v: mean of their squares.
    pub second: Tensor,
}

/// AdamW with its state; formula and order of operations as in
/// [`torch.optim.AdamW`](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html), without amsgrad.
#[derive(Clone, Debug)]
pub struct AdamW {
    /// The settings.
    pub config: AdamWConfig,
    /// Steps done.
    pub steps: u64,
    /// Name of the tensor → its moments; absent before the first step.
    pub moments: BTreeMap<String, Moments>,
}

impl AdamW {
    /// An optimizer that has done no step.
    #[must_use]
    pub fn new(config: AdamWConfig) -> Self {
        Self { config, steps: 0, moments: BTreeMap::new() }
    }

    /// One step on every variable, which must all have a gradient in `gradients` under their name.
    pub fn step<'a>(
        &mut self,
        variables: impl IntoIterator<Item = (String, &'a Var)>,
        gradients: &BTreeMap<String, Tensor>,
        learning_rate: f64,
    ) -> Result<()> {
        let AdamWConfig { beta1, beta2, epsilon, weight_decay } = self.config;
        self.steps += 1;
        let steps = self.steps as f64;
        let step = AdamWStep {
            beta1,
            beta2,
            epsilon,
            kept: 1.0 - learning_rate * weight_decay,
            step_size: learning_rate / (1.0 - beta1.powf(steps)),
            second_correction: (1.0 - beta2.powf(steps)).sqrt(),
        };
        for (name, variable) in variables {
            let Some(gradient) = gradients.get(&name) else { bail!("{name} has no gradient") };
            let moments = match self.moments.get(&name) {
                Some(moments) => moments.clone(),
                None => Moments { first: variable.zeros_like()?, second: variable.zeros_like()? },
            };
            let value = variable.as_tensor().detach();
            let [value, first, second] = adamw(&value, &moments.first, &moments.second, &gradient.detach(), step)?;
            variable.set(&value)?;
            self.moments.insert(name, Moments { first, second });
        }
        Ok(())
    }

    /// `first.<name>` and `second.<name>` of every variable; empty before the first step.
    #[must_use]
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let named = |(name, moments): (&String, &Moments)| {
            let Moments { first, second } = moments.clone();
            [(format!("first.{name}"), first), (format!("second.{name}"), second)]
        };
        self.moments.iter().flat_map(named).collect()
    }

    /// The same optimizer after `steps` steps. `take` gives the tensor of a name.
    pub(super) fn restored<'a>(
        &self,
        steps: u64,
        variables: impl IntoIterator<Item = (String, &'a Var)>,
        take: &mut dyn FnMut(&str, &Var) -> std::result::Result<Tensor, String>,
    ) -> std::result::Result<Self, String> {
        let mut restored = Self { config: self.config, steps, moments: BTreeMap::new() };
        for (name, variable) in variables.into_iter().filter(|_| steps > 0) {
            let first = take(&format!("first.{name}"), variable)?;
            let second = take(&format!("second.{name}"), variable)?;
            restored.moments.insert(name, Moments { first, second });
        }
        Ok(restored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[derive(serde::Deserialize)]
    struct Case {
        beta1: f64,
        beta2: f64,
        epsilon: f64,
        weight_decay: f64,
        rates: Vec<f64>,
        start: Vec<f32>,
        gradients: Vec<Vec<f32>>,
        weights: Vec<Vec<f32>>,
    }

    #[test]
    fn weights_follow_torch_for_fifty_steps() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/golden/training/adamw.json")).unwrap();
        assert_eq!(cases.len(), 3);
        let mut worst = 0f32;
        for case in cases {
            let variable = Var::from_vec(case.start.clone(), case.start.len(), &Device::Cpu).unwrap();
            let Case { beta1, beta2, epsilon, weight_decay, .. } = case;
            let mut adam = AdamW::new(AdamWConfig { beta1, beta2, epsilon, weight_decay });
            for ((rate, gradient), expected) in case.rates.iter().zip(&case.gradients).zip(&case.weights) {
                let gradient = Tensor::new(gradient.as_slice(), &Device::Cpu).unwrap();
                let gradients = BTreeMap::from([("w".to_owned(), gradient)]);
                adam.step([("w".to_owned(), &variable)], &gradients, *rate).unwrap();
                for (got, expected) in variable.to_vec1::<f32>().unwrap().iter().zip(expected) {
                    worst = worst.max((got - expected).abs() / expected.abs().max(1e-3));
                }
            }
        }
        assert!(worst < 1e-5, "{worst}");
    }

    #[test]
    fn a_missing_gradient_is_an_error() {
        let variable = Var::from_vec(vec![1f32], 1, &Device::Cpu).unwrap();
        let error = AdamW::new(AdamWConfig::default()).step([("w".into(), &variable)], &BTreeMap::new(), 1e-3);
        assert!(error.unwrap_err().to_string().contains("w has no gradient"));
    }
}
