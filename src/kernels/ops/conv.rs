//! The frozen two-dimensional convolution, channels last.

use candle_core::{Result, Tensor};

use super::path::Path;
use crate::kernels::cpu::custom_ops::conv as cpu;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::conv as cuda;
use crate::kernels::layers::conv::layer::Conv2d;
use crate::kernels::reference;

/// `x` `(batch, height, width, in)` to `(batch, height', width', out)`. The gradient goes to `x` only.
pub fn conv2d(x: &Tensor, w: &Conv2d) -> Result<Tensor> {
    let geometry = w.geometry(x)?;
    match (Path::of(x, &[]), w.packed_weight()) {
        (Path::Cpu, Some(weight)) => cpu::conv2d(x, weight, geometry),
        #[cfg(feature = "cuda")]
        (Path::Cuda, _) => cuda::conv2d(x, w),
        _ => reference::conv2d(x, w),
    }
}
