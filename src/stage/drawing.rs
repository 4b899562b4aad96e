//! What the stages that draw images share.

use serde::Serialize;

use super::{cell::CellFacts, key::KeyInputs};
use crate::choice::Guidance;

/// `[evaluate]`, as far as images are concerned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriftPrompts {
    /// Prompts that must look the same with and without the adapter.
    pub drift_prompts: Vec<String>,
}

impl DriftPrompts {
    pub(super) fn of(cell: &CellFacts<'_>) -> Self {
        Self { drift_prompts: cell.settings.evaluate.drift_prompts.clone() }
    }
}

/// What changes the speed and the memory of drawing, but no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageHints {
    /// Images per forward pass.
    pub batch_size: usize,
}

impl ImageHints {
    pub(super) fn of(cell: &CellFacts<'_>) -> Self {
        Self { batch_size: cell.settings.generate.batch_size }
    }
}

/// The time of `baseline` and `generate` grows with the pixels and the forward passes.
pub(super) fn work(inputs: &KeyInputs) -> Option<f64> {
    Some(written(inputs)? * passes(inputs, "generate")?)
}

/// The files of `baseline` and `generate` grow with the pixels.
pub(super) fn written(inputs: &KeyInputs) -> Option<f64> {
    let prompts = ["generate.prompts", "generate.baseline_prompts", "evaluate.drift_prompts"];
    let prompts: f64 = prompts.iter().map(|name| inputs.length(name)).sum();
    let pixels = inputs.number("generate.width")? * inputs.number("generate.height")?;
    Some(prompts * inputs.length("generate.seeds") * pixels)
}

/// Forward passes for an image.
pub(super) fn passes(inputs: &KeyInputs, section: &str) -> Option<f64> {
    let guided = Guidance::new(inputs.number(&format!("{section}.guidance_scale"))?).is_on();
    Some(inputs.number(&format!("{section}.steps"))? * if guided { 2.0 } else { 1.0 })
}
