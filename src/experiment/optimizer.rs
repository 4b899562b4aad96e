//! `[train.optimizer]`: how gradients become a step.

use super::bounds::Bounds;
use super::problem::Problem;
use super::reader::Reader;
use crate::choice::Optimizer;

use serde::{Deserialize, Serialize};

/// `[train.optimizer]`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimizerRecipe {
    /// Which optimizer.
    pub name: Optimizer,
    /// Decay of the mean of the gradients.
    pub beta1: f64,
    /// Decay of the mean of the squared gradients (AdamW, Prodigy), or of the mean that the next step starts from
    /// (Lion).
    pub beta2: f64,
    /// The number added to the denominator; `None` if the optimizer does not divide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// LoRA+: the learning rate of the B matrices is so many times that of the others; `None` if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora_plus_ratio: Option<f64>,
}

/// Reads and checks the section. What the file leaves out is the optimizer's own default.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<OptimizerRecipe> {
    let name: Option<Optimizer> = reader.choice("train.optimizer.name");
    let defaults = name.map(Optimizer::defaults);
    let mut number = |key: &str, bounds, default: Option<f64>| match reader.entry(key) {
        Some(_) => reader.number(key, bounds),
        None => default,
    };
    let decay = Bounds::from_below(0.0, 1.0);
    let beta1 = number("train.optimizer.beta1", decay, defaults.map(|defaults| defaults.beta1));
    let beta2 = number("train.optimizer.beta2", decay, defaults.map(|defaults| defaults.beta2));
    let own = defaults.map(|defaults| defaults.epsilon);
    let key = "train.optimizer.epsilon";
    let epsilon = number(key, Bounds::above_to(0.0, 1.0), own.flatten());
    let decays = Bounds::from_to(0.0, 100.0);
    let weight_decay = number("train.optimizer.weight_decay", decays, defaults.map(|defaults| defaults.weight_decay));
    let lora_plus_ratio = reader.number("train.optimizer.lora_plus_ratio", Bounds::above_to(0.0, 1000.0));
    let lora_plus_ratio = Some(lora_plus_ratio?).filter(|ratio| *ratio != 1.0);
    let name = name?;
    let epsilon = match own? {
        Some(_) => Some(epsilon?),
        None => {
            if epsilon.is_some() {
                let message = format!("`{key}` has no effect with `name = \"{name}\"`");
                reader.push(Problem::warning(reader.place(key), message));
            }
            None
        }
    };
    Some(OptimizerRecipe { name, beta1: beta1?, beta2: beta2?, epsilon, weight_decay: weight_decay?, lora_plus_ratio })
}
