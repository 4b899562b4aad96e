//! Sums of feature maps, and feature maps side by side.

use candle_core::{D, Result, Tensor, bail};

use super::path::Path;
use crate::kernels::autodiff::composed::composed;
use crate::kernels::cpu::custom_ops::join as cpu;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::join as cuda;
use crate::kernels::layers::shape::with_channels;
use crate::kernels::reference;

/// `x + y`, which have the same shape.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if x.shape() != y.shape() {
        bail!("add: shapes {:?} and {:?} differ", x.dims(), y.dims());
    }
    match Path::of(x, &[y]) {
        Path::Cpu => cpu::add(x, y),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::add(x, y),
        Path::Candle => reference::add(x, y),
    }
}

/// `x` `(batch, ..., channels)` plus `y` `(batch, channels)` at every pixel.
pub fn add_to_pixels(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (batch, channels) = y.dims2()?;
    let [first, .., last] = x.dims() else { bail!("add to pixels: {:?} has no pixels", x.dims()) };
    if (*first, *last) != (batch, channels) {
        bail!("add to pixels: {:?} to {:?}", y.dims(), x.dims());
    }
    // The fast kernels give no gradient of `y`, which needs a sum of its own: only adapters of the time's projections
    // ask for it.
    if y.track_op() {
        return composed(&[x, y], || reference::add_to_pixels(x, y));
    }
    match Path::of(x, &[y]) {
        Path::Cpu => cpu::add_to_pixels(x, y),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::add_to_pixels(x, y),
        Path::Candle => reference::add_to_pixels(x, y),
    }
}

/// The channels of `x` followed by those of `y`. Their other dimensions must agree.
pub fn concatenate(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if with_channels(x.shape(), y.dim(D::Minus1)?) != *y.shape() {
        bail!("concatenate: channels of {:?} and {:?}", x.dims(), y.dims());
    }
    match Path::of(x, &[y]) {
        Path::Cpu => cpu::concatenate(x, y),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::concatenate(x, y),
        Path::Candle => reference::concatenate(x, y),
    }
}
