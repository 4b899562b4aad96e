//! Multi-head scaled dot-product attention.

use candle_core::{Result, Tensor};

use super::reference;

/// `softmax(q kᵀ / √D) v` for each of `heads` heads; `q` `(B, T, heads·D)`, `k` and `v` `(B, S, heads·D)`,
/// result `(B, T, heads·D)`. With `causal`, query `t` sees keys `0..=t` only (`T == S`).
/// Gradients go to whichever of `q`, `k`, `v` are tracked.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    reference::attention(q, k, v, heads, causal)
}
