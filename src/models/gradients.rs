//! Losses and gradients of a denoiser, found by the name of a trainable tensor.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};

use super::conditioning::Conditioning;
use super::delta::Delta;
use super::lora_set::LoraSet;
use crate::kernels;

/// What is computed twice to save memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recompute {
    /// Nothing: all activations are kept.
    #[default]
    Nothing,
    /// Activations inside a block: the forward pass is computed twice, which needs less memory.
    Blocks,
}

/// What a training step needs to know.
#[derive(Debug)]
pub struct LossAndGradients {
    /// The loss, a scalar f32.
    pub loss: Tensor,
    /// Name of a trainable tensor, e.g. `<layer>.down` → its gradient, of its shape, f32. Every tensor of the adapter
    /// has one.
    pub gradients: BTreeMap<String, Tensor>,
    /// The gradients of the loss by the conditions that are trainable.
    pub conditions: ConditionGradients,
}

/// The gradients of a loss by what a denoiser is told; `None` for what is not trainable.
#[derive(Debug, Default)]
pub struct ConditionGradients {
    /// By the tokens, `(B, T, D)`.
    pub tokens: Option<Tensor>,
    /// By the pooled output, `(B, P)`.
    pub pooled: Option<Tensor>,
}

impl ConditionGradients {
    /// Takes the gradients of the conditions that are trainable.
    ///
    /// # Errors
    /// A trainable condition that the loss does not depend on.
    pub(super) fn take(gradients: &mut kernels::Gradients, conditioning: &Conditioning) -> Result<Self> {
        let mut of = |tensor: &Tensor| match gradients.remove(tensor) {
            None if tensor.track_op() => bail!("no gradient reached the prompt"),
            gradient => Ok(gradient),
        };
        let tokens = of(&conditioning.tokens)?;
        Ok(Self { tokens, pooled: conditioning.pooled.as_ref().map(of).transpose()?.flatten() })
    }
}

/// Gradients that are collected block by block.
#[derive(Default)]
pub(super) struct Collected(BTreeMap<String, Tensor>);

impl Collected {
    /// Begins with the gradients that are there.
    pub(super) fn with(gradients: BTreeMap<String, Tensor>) -> Self {
        Self(gradients)
    }

    /// Takes the gradients of the tensors of these layers, where there are any.
    pub(super) fn take<'a>(
        &mut self,
        gradients: &mut kernels::Gradients,
        layers: impl Iterator<Item = (&'a str, &'a Delta)>,
    ) {
        for (name, tensor) in layers.flat_map(|(layer, delta)| delta.named(layer)) {
            if let Some(gradient) = gradients.remove(tensor) {
                self.0.insert(name, gradient);
            }
        }
    }

    /// All gradients.
    ///
    /// # Errors
    /// Names the first layer of which a tensor has no gradient.
    pub(super) fn complete(self, lora: &LoraSet) -> Result<BTreeMap<String, Tensor>> {
        for (layer, delta) in lora.iter() {
            if delta.named(layer).any(|(name, _)| !self.0.contains_key(&name)) {
                bail!(
                    "no gradient reached the adapter of {layer}: the model has no such module, or it is not trainable"
                );
            }
        }
        Ok(self.0)
    }
}
