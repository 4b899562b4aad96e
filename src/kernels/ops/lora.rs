//! A frozen fully connected layer with a trained low-rank correction ([LoRA](https://arxiv.org/abs/2106.09685)).

use candle_core::{Result, Tensor};

use super::path::Path;
use crate::kernels::cpu::custom_ops::lora as cpu;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::linear as cuda;
use crate::kernels::layers::linear::Linear;
use crate::kernels::layers::lora::LoraPair;
use crate::kernels::reference;

/// `x` `(..., in)` to `W x + b + scale · B (A (mask ∘ x))`, `(..., out)`.
///
/// Gradients go to `x`, if it is tracked, and to `A` and `B`, never to `W` and `b`.
pub fn lora_linear(x: &Tensor, w: &Linear, lora: &LoraPair) -> Result<Tensor> {
    lora.check(x, w)?;
    w.check(x)?;
    match (Path::of(x, &[]), w.packed()) {
        (Path::Cpu, Some(weight)) if lora.is_f32() => cpu::lora_linear(x, weight, lora),
        #[cfg(feature = "cuda")]
        (Path::Cuda, _) => cuda::lora_linear(x, w, lora),
        _ => reference::lora_linear(x, w, lora),
    }
}
