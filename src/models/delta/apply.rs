//! A layer with what an adapter adds to it.

use candle_core::{Result, Tensor};

use super::about::{Delta, INPUT_MAGNITUDE, MAGNITUDE};
use super::kinds::about;
use super::{lora, magnitude};
use crate::choice::AdapterKind;
use crate::kernels::{add, composed, lora_linear};
use crate::models::frozen::Frozen;

impl Delta {
    /// The tensors with their names in the state of a training, `<layer>.<tensor>`, in order.
    pub(in crate::models) fn named(&self, layer: &str) -> impl Iterator<Item = (String, &Tensor)> {
        self.tensors.iter().map(move |(name, tensor)| (format!("{layer}.{name}"), tensor))
    }

    /// The same without gradients.
    pub(in crate::models) fn detached(&self) -> Self {
        let tensors = self.tensors.iter().map(|(name, tensor)| (*name, tensor.detach())).collect();
        Self { tensors, ..self.clone() }
    }

    /// The layer with what the adapter adds to it.
    pub(in crate::models) fn forward(&self, x: &Tensor, frozen: Frozen<'_>) -> Result<Tensor> {
        match frozen {
            Frozen::Linear(weights) if self.kind == AdapterKind::Lora && !self.has_lengths() => {
                lora_linear(x, weights, &lora::pair(&self.tensors, self.factor(), self.dropout_mask.as_ref()))
            }
            _ => add(&frozen.forward(x)?, &self.added(x, frozen)?),
        }
    }

    /// What the adapter adds to the layer's output.
    pub(in crate::models) fn added(&self, x: &Tensor, frozen: Frozen<'_>) -> Result<Tensor> {
        let masked = match &self.dropout_mask {
            Some(mask) => composed(&[x], || x.mul(&mask.reshape(x.shape())?.to_dtype(x.dtype())?))?,
            None => x.clone(),
        };
        match magnitude::added(self, &masked, frozen)? {
            Some(added) => Ok(added),
            None => (about(self.kind).added)(&self.tensors, &masked, frozen, self.factor()),
        }
    }

    /// The update that is added to the weight, without lengths: the numbers of `(out, in)` or
    /// `(out, in, height, width)`, in this order, times [`factor`](Self::factor).
    ///
    /// # Errors
    /// A full device.
    pub fn update(&self) -> Result<Tensor> {
        (about(self.kind).update)(&self.tensors)? * self.factor()
    }

    fn has_lengths(&self) -> bool {
        self.tensors.contains_key(MAGNITUDE) || self.tensors.contains_key(INPUT_MAGNITUDE)
    }
}
