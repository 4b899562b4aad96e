//! The UNet's transformers: self-attention, attention to the prompt, feed-forward.

use candle_core::{DType, Result, Tensor};

use crate::kernels::{Activation, GroupNorm, LayerNorm, add, attention_in, geglu, group_norm, layer_norm};
use crate::models::adaptable::{AdaptableLayer, Role, Tokens};
use crate::models::adaptable_linear::{AdaptableLinear, Input};
use crate::models::frozen::Frozen;
use crate::models::layers::Layers;
use crate::models::lora_set::LoraSet;
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

/// Multi-head attention. <https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/attention_processor.py#L2121>
#[derive(Debug)]
struct Attention {
    to_q: AdaptableLinear,
    to_k: AdaptableLinear,
    to_v: AdaptableLinear,
    to_out: AdaptableLinear,
    heads: usize,
    upcast: bool,
}

impl Attention {
    /// Keys and values are computed from `seen`.
    fn new(size: &TransformerSize, seen: Input, at: &Layers) -> std::result::Result<Self, LoadError> {
        let (width, places) = (size.channels, size.places());
        Ok(Self {
            to_q: AdaptableLinear::new("to_q", (places, width), false, at)?,
            to_k: AdaptableLinear::new("to_k", (seen, width), false, at)?,
            to_v: AdaptableLinear::new("to_v", (seen, width), false, at)?,
            to_out: AdaptableLinear::new("to_out.0", (places, width), true, at)?,
            heads: size.heads,
            upcast: size.upcast_attention,
        })
    }

    fn forward(&self, x: &Tensor, context: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        let q = self.to_q.forward(x, lora)?;
        let k = self.to_k.forward(context, lora)?;
        let v = self.to_v.forward(context, lora)?;
        // Scores and softmax are f32 in any case.
        let products = if self.upcast { DType::F32 } else { self.to_q.dtype() };
        self.to_out.forward(&attention_in(products, &q, &k, &v, self.heads, false)?, lora)
    }

    fn trace(&self, t: &Trace, x: &Map, context: &Map) -> Map {
        let (q, k, v) = (self.to_q.trace(t, x), self.to_k.trace(t, context), self.to_v.trace(t, context));
        self.to_out.trace(t, &t.attention([&q, &k, &v], self.heads, t.products(self.upcast)))
    }

    fn adaptable(&self) -> [&AdaptableLinear; 4] {
        [&self.to_q, &self.to_k, &self.to_v, &self.to_out]
    }
}

/// Self-attention, attention to the prompt and feed-forward, each after a layer norm and added to its input.
#[derive(Debug)]
struct TransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff_in: AdaptableLinear,
    ff_out: AdaptableLinear,
}

/// `nn.LayerNorm`'s default, which diffusers does not change here.
const LAYER_NORM_EPS: f64 = 1e-5;
/// The epsilon of the group norm before a transformer. The `norm_eps` of the configuration is another one.
const TRANSFORMER_GROUP_NORM_EPS: f64 = 1e-6;

impl TransformerBlock {
    fn new(size: &TransformerSize, at: &Layers) -> std::result::Result<Self, LoadError> {
        let width = size.channels;
        Ok(Self {
            norm1: at.layer_norm("norm1", width, LAYER_NORM_EPS)?,
            attn1: Attention::new(size, size.places(), &at.at("attn1"))?,
            norm2: at.layer_norm("norm2", width, LAYER_NORM_EPS)?,
            attn2: Attention::new(size, size.prompt(), &at.at("attn2"))?,
            norm3: at.layer_norm("norm3", width, LAYER_NORM_EPS)?,
            ff_in: AdaptableLinear::new("ff.net.0.proj", (size.feed_forward(width), 8 * width), true, at)?,
            ff_out: AdaptableLinear::new("ff.net.2", (size.feed_forward(4 * width), width), true, at)?,
        })
    }

    fn forward(&self, x: &Tensor, context: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        let normed = layer_norm(x, &self.norm1)?;
        let x = add(&self.attn1.forward(&normed, &normed, lora)?, x)?;
        let x = add(&self.attn2.forward(&layer_norm(&x, &self.norm2)?, context, lora)?, &x)?;
        let h = geglu(&self.ff_in.forward(&layer_norm(&x, &self.norm3)?, lora)?)?;
        add(&self.ff_out.forward(&h, lora)?, &x)
    }

    fn adaptable(&self) -> impl Iterator<Item = &AdaptableLinear> {
        let attention = [&self.attn1, &self.attn2].into_iter().flat_map(Attention::adaptable);
        attention.chain([&self.ff_in, &self.ff_out])
    }

    fn trace(&self, t: &Trace, x: &Map, context: &Map) -> Map {
        let normed = t.norm(x);
        let x = t.joined(&[&self.attn1.trace(t, &normed, &normed), x], x.dims());
        let x = t.joined(&[&self.attn2.trace(t, &t.norm(&x), context), &x], x.dims());
        let h = t.geglu(&self.ff_in.trace(t, &t.norm(&x)));
        t.joined(&[&self.ff_out.trace(t, &h), &x], x.dims())
    }
}

/// Sizes of a [`Transformer`].
#[derive(Debug, Clone, Copy)]
pub(super) struct TransformerSize {
    /// How often the sides of the latents are halved before this feature map.
    pub(super) level: usize,
    pub(super) channels: usize,
    pub(super) heads: usize,
    pub(super) layers: usize,
    pub(super) context: usize,
    pub(super) groups: usize,
    pub(super) linear_projection: bool,
    pub(super) upcast_attention: bool,
}

impl TransformerSize {
    /// The places of the feature map, as a layer's input.
    fn places(&self) -> Input {
        Input { width: self.channels, tokens: Tokens::Grid(self.level), role: Role::Attention }
    }

    /// The prompt's tokens, as a layer's input.
    fn prompt(&self) -> Input {
        Input { width: self.context, tokens: Tokens::Context, role: Role::Attention }
    }

    /// `width` channels of the places, as the input of a layer behind an attention.
    fn feed_forward(&self, width: usize) -> Input {
        Input { width, role: Role::FeedForward, ..self.places() }
    }
}

/// diffusers' `Transformer2DModel` on a feature map. In SD 1 `proj_in` and `proj_out` are 1×1 convolutions, in
/// SD 2 linear layers; with channels last the two are the same.
#[derive(Debug)]
pub(super) struct Transformer {
    norm: GroupNorm,
    proj_in: AdaptableLinear,
    blocks: Vec<TransformerBlock>,
    proj_out: AdaptableLinear,
}

impl Transformer {
    pub(super) fn new(size: &TransformerSize, at: &Layers) -> std::result::Result<Self, LoadError> {
        let width = size.channels;
        let projection = |name| {
            let weights = match size.linear_projection {
                true => at.projection(name, width, width)?,
                false => at.pointwise(name, width, width)?,
            };
            let input = Input { role: Role::Other, ..size.places() };
            let layer = AdaptableLinear::named(at.at(name).name().to_owned(), (input, width), weights);
            Ok::<_, LoadError>(if size.linear_projection { layer } else { layer.into_convolution() })
        };
        Ok(Self {
            norm: at.group_norm("norm", width, size.groups, TRANSFORMER_GROUP_NORM_EPS)?,
            proj_in: projection("proj_in")?,
            blocks: (0..size.layers)
                .map(|i| TransformerBlock::new(size, &at.at("transformer_blocks").at(i)))
                .collect::<std::result::Result<_, _>>()?,
            proj_out: projection("proj_out")?,
        })
    }

    /// `x` `(B,H,W,C)`, `context` `(B,T,D)` → `(B,H,W,C)`.
    pub(super) fn forward(&self, x: &Tensor, context: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        let mut pixels = self.proj_in.forward(&group_norm(x, &self.norm, Activation::None)?, lora)?;
        for block in &self.blocks {
            pixels = block.forward(&pixels, context, lora)?;
        }
        add(&self.proj_out.forward(&pixels, lora)?, x)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(super) fn trace(&self, t: &Trace, x: &Map, context: &Map) -> Map {
        let mut pixels = self.proj_in.trace(t, &t.norm(x));
        for block in &self.blocks {
            pixels = block.trace(t, &pixels, context);
        }
        t.joined(&[&self.proj_out.trace(t, &pixels), x], x.dims())
    }

    /// The layers an adapter may change, and their weights.
    pub(super) fn adaptable(&self) -> impl Iterator<Item = (&AdaptableLayer, Frozen<'_>)> {
        let blocks = self.blocks.iter().flat_map(TransformerBlock::adaptable);
        blocks.chain([&self.proj_in, &self.proj_out]).map(AdaptableLinear::adaptable)
    }
}
