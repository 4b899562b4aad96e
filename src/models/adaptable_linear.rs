//! A linear layer that an adapter may change.

use candle_core::{DType, Result, Tensor};

use super::adaptable::{AdaptableLayer, Role, Tokens};
use super::frozen::Frozen;
use super::layers::Layers;
use super::lora_set::LoraSet;
use super::trace::{Map, Trace};
use crate::kernels::Linear;
use crate::tensors::LoadError;

/// A frozen linear layer that an adapter may change, known by its name in the network.
#[derive(Debug)]
pub(super) struct AdaptableLinear {
    layer: AdaptableLayer,
    weights: Linear,
}

/// What enters a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub(super) width: usize,
    pub(super) tokens: Tokens,
    /// What the layer does with it.
    pub(super) role: Role,
}

impl AdaptableLinear {
    /// The layer called `name` below this place, which is its name for adapters, too.
    pub(super) fn new(
        name: &str,
        (input, output): (Input, usize),
        bias: bool,
        at: &Layers,
    ) -> std::result::Result<Self, LoadError> {
        Ok(Self::named(at.at(name).name().to_owned(), (input, output), at.linear(name, input.width, output, bias)?))
    }

    /// A layer with these weights, which adapters call `name`.
    pub(super) fn named(name: String, (input, output): (Input, usize), weights: Linear) -> Self {
        let Input { width, tokens, role } = input;
        let window = None;
        Self { layer: AdaptableLayer { name, in_features: width, out_features: output, window, tokens, role }, weights }
    }

    /// The same as a 1×1 convolution, which it is in files.
    pub(super) fn into_convolution(mut self) -> Self {
        self.layer.window = Some((1, 1));
        self
    }

    /// `x` `(..., in)` → `(..., out)`, with what the adapter adds.
    pub(super) fn forward(&self, x: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        lora.linear(&self.layer.name, x, &self.weights)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(super) fn trace(&self, t: &Trace, x: &Map) -> Map {
        t.adapted(x, &self.weights, &self.layer)
    }

    /// The layer as adapters see it, and its weights.
    pub(super) fn adaptable(&self) -> (&AdaptableLayer, Frozen<'_>) {
        (&self.layer, Frozen::Linear(&self.weights))
    }

    /// How the weights are stored.
    pub(super) fn dtype(&self) -> DType {
        self.weights.dtype()
    }
}
