//! Pointwise non-linearities.

use candle_core::{D, Result, Tensor, bail};

use super::path::Path;
use crate::kernels::cpu::custom_ops::activation as cpu;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::pointwise as cuda;
use crate::kernels::reference;

/// `(..., 2C)` to `(..., C)`: the first half times the exact GELU of the second half, as in
/// [diffusers' `GEGLU`](https://github.com/huggingface/diffusers/blob/main/src/diffusers/models/activations.py).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let channels = x.dim(D::Minus1)?;
    if channels == 0 || !channels.is_multiple_of(2) {
        bail!("geglu: {channels} channels are not two halves");
    }
    match Path::of(x, &[]) {
        Path::Cpu => cpu::geglu(x),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::geglu(x),
        Path::Candle => reference::geglu(x),
    }
}

/// `x · sigmoid(x)`.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    match Path::of(x, &[]) {
        Path::Cpu => cpu::silu(x),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::silu(x),
        Path::Candle => reference::silu(x),
    }
}

/// `x · Φ(x)` with the exact normal distribution function (erf), not the tanh approximation.
pub fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    match Path::of(x, &[]) {
        Path::Cpu => cpu::gelu_erf(x),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::gelu_erf(x),
        Path::Candle => reference::gelu_erf(x),
    }
}

/// `x · sigmoid(1.702 x)`, CLIP's activation.
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    match Path::of(x, &[]) {
        Path::Cpu => cpu::quick_gelu(x),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::quick_gelu(x),
        Path::Candle => reference::quick_gelu(x),
    }
}
