//! Multi-head scaled dot-product attention.

use candle_core::{DType, Result, Tensor};

use super::path::Path;
use crate::kernels::cpu::custom_ops::attention as cpu;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::attention as cuda;
use crate::kernels::gpu::portable::attention as portable;
use crate::kernels::layers::heads::Heads;
use crate::kernels::simd::dispatch::multiplies_bf16;

/// `softmax(q kᵀ / √D) v` for each of `heads` heads.
///
/// `q` is `(B, ..., heads·D)` with `T` tokens in all dimensions between; `k` and `v` are `(B, ..., heads·D)` with `S`
/// tokens. The result has the shape of `q`. With `causal`, query `t` sees the keys `0..=t` only, and `T` must be `S`.
/// Gradients go to those of `q`, `k` and `v` that are tracked.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    attention_in(DType::F32, q, k, v, heads, causal)
}

/// Like [`attention`]. If `products` is bf16 and the CPU has instructions for it, the factors of products (queries,
/// keys, values, weights and gradients) are rounded to bf16. Sums, exponentials and results are f32 in any case. Other
/// devices and other CPUs compute as [`attention`] does.
pub fn attention_in(products: DType, q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let pairs = products == DType::BF16 && multiplies_bf16();
    let heads = Heads { pairs, ..Heads::of(q, k, v, heads, causal)? };
    match Path::of(q, &[k, v]) {
        Path::Cpu => cpu::attention(q, k, v, heads),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::attention(q, k, v, heads),
        Path::Candle => portable::attention(q, k, v, heads),
    }
}
