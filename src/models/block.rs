//! The layer of CLIP's and DINO's transformers: attention and two linear layers, each behind a layer norm.

use candle_core::{Result, Tensor};

use super::adaptable::{AdaptableLayer, Role, Tokens};
use super::adaptable_linear::{AdaptableLinear, Input};
use super::frozen::Frozen;
use super::layers::Layers;
use super::lora_set::LoraSet;
use crate::kernels::{LayerNorm, add, attention, gelu_erf, layer_norm, quick_gelu};
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

/// One frozen layer, whose linear layers an adapter may change.
#[derive(Debug)]
pub(crate) struct Block {
    heads: usize,
    activation: Activation,
    norm1: LayerNorm,
    q: AdaptableLinear,
    k: AdaptableLinear,
    v: AdaptableLinear,
    out: AdaptableLinear,
    norm2: LayerNorm,
    fc1: AdaptableLinear,
    fc2: AdaptableLinear,
}

impl Block {
    /// `called` is what adapters call the block: their names of its layers begin with it.
    pub(crate) fn new(
        at: &Layers,
        names: &BlockNames,
        sizes: &BlockSizes,
        called: &str,
    ) -> std::result::Result<Self, LoadError> {
        let BlockSizes { width, inner, heads, eps, activation, biased } = *sizes;
        let layer = |name: &str, (input, output): (usize, usize), role, weights| {
            // One token after the other, as the tokens of a prompt.
            let input = Input { width: input, tokens: Tokens::Context, role };
            AdaptableLinear::named(format!("{called}.{name}"), (input, output), weights)
        };
        let last = |name, input, role, scale: Option<&str>| {
            let weights = match scale {
                Some(scale) => at.scaled_linear(name, input, width, scale),
                None => at.linear(name, input, width, true),
            };
            Ok::<_, LoadError>(layer(name, (input, width), role, weights?))
        };
        let project = |name| {
            Ok::<_, LoadError>(layer(name, (width, width), Role::Attention, at.linear(name, width, width, biased)?))
        };
        let [q, k, v] = names.projections.map(project);
        Ok(Self {
            heads,
            activation,
            norm1: at.layer_norm(names.norm1, width, eps)?,
            q: q?,
            k: k?,
            v: v?,
            out: last(names.out, width, Role::Attention, names.scales.map(|[scale, _]| scale))?,
            norm2: at.layer_norm(names.norm2, width, eps)?,
            fc1: layer(names.fc1, (width, inner), Role::FeedForward, at.linear(names.fc1, width, inner, true)?),
            fc2: last(names.fc2, inner, Role::FeedForward, names.scales.map(|[_, scale]| scale))?,
        })
    }

    /// `x` `(B, T, width)` to the same shape, with what the adapter adds. With `causal`, a token sees itself and those
    /// before it only.
    pub(crate) fn forward(&self, x: &Tensor, causal: bool, lora: &LoraSet) -> Result<Tensor> {
        let h = layer_norm(x, &self.norm1)?;
        let (q, k, v) = (self.q.forward(&h, lora)?, self.k.forward(&h, lora)?, self.v.forward(&h, lora)?);
        self.rest(x, &attention(&q, &k, &v, self.heads, causal)?, lora)
    }

    /// The first token of [`forward`](Self::forward) without a mask and an adapter, `(B, 1, width)`, at a small part of
    /// its cost.
    pub(crate) fn first_token(&self, x: &Tensor) -> Result<Tensor> {
        let h = layer_norm(x, &self.norm1)?;
        let (first, lora) = (|x: &Tensor| x.narrow(1, 0, 1)?.contiguous(), &LoraSet::empty());
        let (q, k, v) = (self.q.forward(&first(&h)?, lora)?, self.k.forward(&h, lora)?, self.v.forward(&h, lora)?);
        self.rest(&first(x)?, &attention(&q, &k, &v, self.heads, false)?, lora)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(crate) fn trace(&self, t: &Trace, x: &Map) -> Map {
        let h = t.norm(x);
        let (q, k, v) = (self.q.trace(t, &h), self.k.trace(t, &h), self.v.trace(t, &h));
        let attended = t.attention([&q, &k, &v], self.heads, t.products(true));
        let x = t.joined(&[&self.out.trace(t, &attended), x], x.dims());
        let h = self.fc1.trace(t, &t.norm(&x));
        let h = t.norm(&h);
        t.joined(&[&self.fc2.trace(t, &h), &x], x.dims())
    }

    fn rest(&self, x: &Tensor, attended: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        let x = add(&self.out.forward(attended, lora)?, x)?;
        let h = self.fc1.forward(&layer_norm(&x, &self.norm2)?, lora)?;
        let h = match self.activation {
            Activation::QuickGelu => quick_gelu(&h)?,
            Activation::Gelu => gelu_erf(&h)?,
        };
        add(&self.fc2.forward(&h, lora)?, &x)
    }

    /// The layers that an adapter can change, and their weights.
    pub(crate) fn adaptable(&self) -> [(&AdaptableLayer, Frozen<'_>); 6] {
        [&self.q, &self.k, &self.v, &self.out, &self.fc1, &self.fc2].map(AdaptableLinear::adaptable)
    }
}
