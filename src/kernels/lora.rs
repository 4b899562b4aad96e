//! A frozen fully connected layer with a trained low-rank correction ([LoRA](https://arxiv.org/abs/2106.09685)).

use candle_core::{Result, Tensor};

use super::{Linear, reference};

/// The two trained factors of one adapted layer; the correction is `scale · up · down`.
#[derive(Clone, Debug)]
pub struct LoraPair {
    /// `A`, `(rank, in)`, f32.
    pub down: Tensor,
    /// `B`, `(out, rank)`, f32.
    pub up: Tensor,
    /// `alpha / rank` times the strength asked for.
    pub scale: f64,
    /// Multiplied with `x` before `A`: same shape as `x`, zeros and `1 / keep probability`. Training only.
    pub dropout_mask: Option<Tensor>,
}

/// `x` `(..., in)` to `W x + b + scale · B (A (mask ∘ x))`, `(..., out)`.
///
/// Gradients go to `x` (if it is tracked) and to `A` and `B`, never to `W` and `b`.
pub fn lora_linear(x: &Tensor, w: &Linear, lora: &LoraPair) -> Result<Tensor> {
    reference::lora_linear(x, w, lora)
}
