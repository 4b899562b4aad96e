//! The layer of CLIP's and DINO's transformers: attention and two linear layers, each behind a layer norm.

use candle_core::{Result, Tensor};

use super::layers::Layers;
use crate::kernels::{LayerNorm, Linear, add, attention, gelu_erf, layer_norm, linear, quick_gelu};
use crate::models::config::Activation;
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

/// How a model's file calls the parts of a block.
#[derive(Debug)]
pub(crate) struct BlockNames {
    pub(crate) norm1: &'static str,
    /// Queries, keys and values.
    pub(crate) projections: [&'static str; 3],
    pub(crate) out: &'static str,
    pub(crate) norm2: &'static str,
    pub(crate) fc1: &'static str,
    pub(crate) fc2: &'static str,
    /// The factors of what attention and what the linear layers give
    /// ([LayerScale](https://arxiv.org/abs/2103.17239)).
    pub(crate) scales: Option<[&'static str; 2]>,
}

/// `CLIPEncoderLayer` of transformers.
pub(crate) const CLIP: BlockNames = BlockNames {
    norm1: "layer_norm1",
    projections: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    out: "self_attn.out_proj",
    norm2: "layer_norm2",
    fc1: "mlp.fc1",
    fc2: "mlp.fc2",
    scales: None,
};

/// The sizes of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockSizes {
    /// Channels.
    pub(crate) width: usize,
    /// Channels between the two linear layers.
    pub(crate) inner: usize,
    pub(crate) heads: usize,
    /// Epsilon of the layer norms.
    pub(crate) eps: f64,
    pub(crate) activation: Activation,
    /// Whether queries, keys and values have a bias.
    pub(crate) biased: bool,
}

/// One frozen layer.
#[derive(Debug)]
pub(crate) struct Block {
    heads: usize,
    activation: Activation,
    norm1: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    pub(crate) fn new(at: &Layers, names: &BlockNames, sizes: &BlockSizes) -> std::result::Result<Self, LoadError> {
        let BlockSizes { width, inner, heads, eps, activation, biased } = *sizes;
        let last = |name, input, scale: Option<&str>| match scale {
            Some(scale) => at.scaled_linear(name, input, width, scale),
            None => at.linear(name, input, width, true),
        };
        let [q, k, v] = names.projections.map(|name| at.linear(name, width, width, biased));
        Ok(Self {
            heads,
            activation,
            norm1: at.layer_norm(names.norm1, width, eps)?,
            q: q?,
            k: k?,
            v: v?,
            out: last(names.out, width, names.scales.map(|[scale, _]| scale))?,
            norm2: at.layer_norm(names.norm2, width, eps)?,
            fc1: at.linear(names.fc1, width, inner, true)?,
            fc2: last(names.fc2, inner, names.scales.map(|[_, scale]| scale))?,
        })
    }

    /// `x` `(B, T, width)` to the same shape. With `causal`, a token sees itself and those before it only.
    pub(crate) fn forward(&self, x: &Tensor, causal: bool) -> Result<Tensor> {
        let h = layer_norm(x, &self.norm1)?;
        let (q, k, v) = (linear(&h, &self.q)?, linear(&h, &self.k)?, linear(&h, &self.v)?);
        self.rest(x, &attention(&q, &k, &v, self.heads, causal)?)
    }

    /// The first token of [`forward`](Self::forward) without a mask, `(B, 1, width)`, at a small part of its cost.
    pub(crate) fn first_token(&self, x: &Tensor) -> Result<Tensor> {
        let h = layer_norm(x, &self.norm1)?;
        let first = |x: &Tensor| x.narrow(1, 0, 1)?.contiguous();
        let (q, k, v) = (linear(&first(&h)?, &self.q)?, linear(&h, &self.k)?, linear(&h, &self.v)?);
        self.rest(&first(x)?, &attention(&q, &k, &v, self.heads, false)?)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(crate) fn trace(&self, t: &Trace, x: &Map) -> Map {
        let h = t.norm(x);
        let (q, k, v) = (t.linear(&h, &self.q), t.linear(&h, &self.k), t.linear(&h, &self.v));
        let attended = t.attention([&q, &k, &v], self.heads, t.products(true));
        let x = t.joined(&[&t.linear(&attended, &self.out), x], x.dims());
        let h = t.linear(&t.norm(&x), &self.fc1);
        let h = t.norm(&h);
        t.joined(&[&t.linear(&h, &self.fc2), &x], x.dims())
    }

    fn rest(&self, x: &Tensor, attended: &Tensor) -> Result<Tensor> {
        let x = add(&linear(attended, &self.out)?, x)?;
        let h = linear(&layer_norm(&x, &self.norm2)?, &self.fc1)?;
        let h = match self.activation {
            Activation::QuickGelu => quick_gelu(&h)?,
            Activation::Gelu => gelu_erf(&h)?,
        };
        add(&linear(&h, &self.fc2)?, &x)
    }
}
