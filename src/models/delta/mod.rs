//! What an adapter adds to a layer: one file for each kind of adapter.
//!
//! A kind says which tensors it has and how they begin, what it adds to a layer, and how files call its tensors
//! (`About`). Training, gradients and adapter files go over its tensors and know no kind by name.

pub(crate) mod about;
mod loha;
mod lora;
pub(crate) mod shape;

use candle_core::{Result, Tensor};

use crate::choice::AdapterKind;
use crate::kernels::{Linear, LoraPair};
use about::About;

pub use about::Delta;

/// What a kind of adapter says about itself.
pub(crate) fn about(kind: AdapterKind) -> &'static About {
    match kind {
        AdapterKind::Lora => &lora::ABOUT,
        AdapterKind::Loha => &loha::ABOUT,
    }
}

/// How the trainable tensors of a layer are called, in order: `<layer>.down`, `<layer>.up` for a LoRA.
pub(crate) fn tensor_names(kind: AdapterKind, layer: &str) -> impl Iterator<Item = String> {
    about(kind).tensors.iter().map(move |tensor| format!("{layer}.{}", tensor.name))
}

impl Delta {
    /// The tensors with their names, in order.
    pub(super) fn named(&self, layer: &str) -> impl Iterator<Item = (String, &Tensor)> {
        tensor_names(self.kind, layer).zip(&self.tensors)
    }

    /// The layer with what the adapter adds to it: `x` `(..., in)` → `(..., out)`.
    pub(super) fn linear(&self, x: &Tensor, weights: &Linear) -> Result<Tensor> {
        (about(self.kind).linear)(self, x, weights)
    }

    /// The same without gradients.
    pub(super) fn detached(&self) -> Self {
        Self { tensors: self.tensors.iter().map(Tensor::detach).collect(), ..self.clone() }
    }

    /// The same change as a pair of matrices, whatever the kind; without a dropout mask.
    ///
    /// # Errors
    /// A full device.
    pub fn pair(&self) -> Result<LoraPair> {
        (about(self.kind).pair)(self)
    }
}
