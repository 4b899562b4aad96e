//! Names in keys that are older than the names in the experiment file: results that were stored under them stay valid.

use super::key::KeyInputs;
use crate::choice::{Choice, Optimizer};

/// The setting that keys leave out for [`Optimizer::AdamW`]: once there was no other optimizer.
const OPTIMIZER: &str = "train.optimizer.name";

/// Setting → its name in keys.
const NAMES: [(&str, &str); 4] = [
    ("train.optimizer.beta1", "train.adam_beta1"),
    ("train.optimizer.beta2", "train.adam_beta2"),
    ("train.optimizer.epsilon", "train.adam_epsilon"),
    ("train.optimizer.weight_decay", "train.weight_decay"),
];

/// The inputs with the names of `[train.optimizer]` that keys have.
pub(super) fn of_optimizer(inputs: KeyInputs) -> KeyInputs {
    let is_adamw = inputs.text(OPTIMIZER) == Some(Optimizer::AdamW.word());
    let inputs = if is_adamw { inputs.without(OPTIMIZER) } else { inputs };
    NAMES.iter().fold(inputs, |inputs, (setting, stored)| inputs.renamed(setting, stored))
}

/// The setting that an input of a key is, e.g. `train.optimizer.beta1`.
#[must_use]
pub fn setting(input: &str) -> &str {
    NAMES.iter().find(|(_, stored)| *stored == input).map_or(input, |(setting, _)| setting)
}
