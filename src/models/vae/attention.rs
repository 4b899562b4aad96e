//! The middle of both halves: two residual blocks around a self-attention with one head.

use candle_core::{Result, Tensor};

use super::sizes::{GROUP_NORM_EPS, resnet_size};
use crate::kernels::{Activation, GroupNorm, Linear, add, attention, group_norm, linear};
use crate::models::config::VaeConfig;
use crate::models::layers::Layers;
use crate::models::resnet::ResnetBlock;
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

#[derive(Debug)]
pub(super) struct Middle {
    first: ResnetBlock,
    attention: Option<SelfAttention>,
    second: ResnetBlock,
}

impl Middle {
    pub(super) fn new(channels: usize, config: &VaeConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        let resnet = |name| ResnetBlock::new(resnet_size(channels, channels, config), &at.at(name));
        let attention = config
            .mid_block_add_attention
            .then(|| SelfAttention::new(channels, config.groups, &at.at("attentions.0")))
            .transpose()?;
        Ok(Self { first: resnet("resnets.0")?, attention, second: resnet("resnets.1")? })
    }

    /// `(B,H,W,C)` → the same shape.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.first.forward(x)?;
        if let Some(attention) = &self.attention {
            x = attention.forward(&x)?;
        }
        self.second.forward(&x)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(super) fn trace(&self, t: &Trace, x: &Map) -> Map {
        let mut x = self.first.trace(t, x, None);
        if let Some(attention) = &self.attention {
            x = attention.trace(t, &x);
        }
        self.second.trace(t, &x, None)
    }
}

#[derive(Debug)]
struct SelfAttention {
    norm: GroupNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
}

impl SelfAttention {
    fn new(channels: usize, groups: usize, at: &Layers) -> std::result::Result<Self, LoadError> {
        // Weights of before 2023 have the old names, and those taken from the original files are 1×1 convolutions.
        let layer = |new: &str, old: &str| {
            let name = if at.has(&format!("{old}.weight")) { old } else { new };
            at.projection(name, channels, channels)
        };
        Ok(Self {
            norm: at.group_norm("group_norm", channels, groups, GROUP_NORM_EPS)?,
            q: layer("to_q", "query")?,
            k: layer("to_k", "key")?,
            v: layer("to_v", "value")?,
            out: layer("to_out.0", "proj_attn")?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normed = group_norm(x, &self.norm, Activation::None)?;
        let (q, k, v) = (linear(&normed, &self.q)?, linear(&normed, &self.k)?, linear(&normed, &self.v)?);
        add(&linear(&attention(&q, &k, &v, 1, false)?, &self.out)?, x)
    }

    fn trace(&self, t: &Trace, x: &Map) -> Map {
        let normed = t.norm(x);
        let (q, k, v) = (t.linear(&normed, &self.q), t.linear(&normed, &self.k), t.linear(&normed, &self.v));
        t.joined(&[&t.linear(&t.attention([&q, &k, &v], 1, t.products(true)), &self.out), x], x.dims())
    }
}
