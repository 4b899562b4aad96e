//! The frozen fully connected layer.

use candle_core::{Result, Tensor};

use super::path::Path;
use crate::kernels::cpu::custom_ops::linear as cpu;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::linear as cuda;
use crate::kernels::layers::linear::Linear;
use crate::kernels::reference;

/// `x` `(..., in)` to `(..., out)`. The gradient goes to `x` only.
pub fn linear(x: &Tensor, w: &Linear) -> Result<Tensor> {
    w.check(x)?;
    match (Path::of(x, &[]), w.packed()) {
        (Path::Cpu, Some(weight)) => cpu::linear(x, weight),
        #[cfg(feature = "cuda")]
        (Path::Cuda, _) => cuda::linear(x, w),
        _ => reference::linear(x, w),
    }
}
