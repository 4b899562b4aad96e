//! A convolution that an adapter may change.

use candle_core::{Result, Tensor};

use super::adaptable::{AdaptableLayer, Role, Tokens};
use super::frozen::Frozen;
use super::layers::Layers;
use super::lora_set::LoraSet;
use super::trace::{Map, Trace};
use crate::kernels::{Conv2d, Padding};
use crate::tensors::LoadError;

/// A frozen convolution that an adapter may change, known by its name in the network.
#[derive(Debug)]
pub(super) struct AdaptableConv {
    layer: AdaptableLayer,
    weights: Conv2d,
}

/// Sizes of a convolution with a square window.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvSize {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: Padding,
    /// What its input consists of.
    pub(super) tokens: Tokens,
}

impl AdaptableConv {
    /// The layer called `name` below this place, which is its name for adapters, too.
    pub(super) fn new(name: &str, size: ConvSize, at: &Layers) -> std::result::Result<Self, LoadError> {
        let ConvSize { input, output, kernel, stride, padding, tokens } = size;
        let layer = AdaptableLayer {
            name: at.at(name).name().to_owned(),
            in_features: input,
            out_features: output,
            window: Some((kernel, kernel)),
            tokens,
            role: Role::Other,
        };
        Ok(Self { layer, weights: at.conv(name, (input, output), kernel, stride, padding)? })
    }

    /// The same before or behind the blocks of the network.
    pub(super) fn at_edge(mut self) -> Self {
        self.layer.role = Role::Edge;
        self
    }

    /// `x` `(B, H, W, in)` → `(B, H', W', out)`, with what the adapter adds.
    pub(super) fn forward(&self, x: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        lora.conv2d(&self.layer.name, x, &self.weights)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(super) fn trace(&self, t: &Trace, x: &Map) -> Map {
        t.adapted_conv(x, &self.weights, &self.layer)
    }

    /// The layer as adapters see it, and its weights.
    pub(super) fn adaptable(&self) -> (&AdaptableLayer, Frozen<'_>) {
        (&self.layer, Frozen::Conv(&self.weights))
    }
}
