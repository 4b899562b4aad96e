//! Layers with trained weights. The forward pass is that of a frozen layer with a copy of the weights; the gradient of
//! the weights is added to it.

use candle_core::{DType, Result, Tensor};

use super::conv::conv2d;
use super::linear::linear;
use crate::kernels::autodiff::attach::with_weight_gradient;
use crate::kernels::layers::conv::geometry::{Geometry, Padding};
use crate::kernels::layers::conv::layer::Conv2d;
use crate::kernels::layers::linear::Linear;
use crate::kernels::layers::storage::Packing;

/// How a convolution's window moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Pixels from one place to the next.
    pub stride: usize,
    /// Zeros around the feature map.
    pub padding: Padding,
}

/// `scale · x Wᵀ`: `x` `(..., in)` to `(..., out)` with `weight` `(out, in)` f32. Gradients go to `x` and to `weight`.
pub fn trained_linear(x: &Tensor, weight: &Tensor, scale: f64) -> Result<Tensor> {
    let frozen = Linear::new(scaled(weight, scale, x.dtype())?, None)?;
    let y = linear(x, &frozen)?;
    let (seen, out) = (x.detach(), frozen.out_features());
    with_weight_gradient(&y, weight, move |gradient| {
        let rows = |x: &Tensor, width: usize| x.to_dtype(DType::F32)?.contiguous()?.reshape(((), width));
        rows(gradient, out)?.t()?.matmul(&rows(&seen, frozen.in_features())?)? * scale
    })
}

/// `scale · (x ∗ W)`: `x` `(batch, height, width, in)` to `(batch, height', width', out)` with `weight`
/// `(out, in, kernel height, kernel width)` f32. Gradients go to `x` and to `weight`.
pub fn trained_conv2d(x: &Tensor, weight: &Tensor, scale: f64, window: Window) -> Result<Tensor> {
    let Window { stride, padding } = window;
    let frozen = Conv2d::packed(scaled(weight, scale, x.dtype())?, None, stride, padding, Packing::Small)?;
    let y = conv2d(x, &frozen)?;
    let (seen, geometry) = (x.detach(), frozen.geometry(x)?);
    with_weight_gradient(&y, weight, move |gradient| weight_gradient(&seen, gradient, &geometry)? * scale)
}

fn scaled(weight: &Tensor, scale: f64, dtype: DType) -> Result<Tensor> {
    let weight = weight.detach();
    if scale == 1.0 { weight.to_dtype(dtype) } else { weight.affine(scale, 0.0)?.to_dtype(dtype) }
}

/// The gradient of a convolution's weight, `(out, in, kernel height, kernel width)`: for each tap of the window the
/// product of the result's gradient with what the tap saw.
fn weight_gradient(x: &Tensor, gradient: &Tensor, g: &Geometry) -> Result<Tensor> {
    let below = |length: usize, padding: usize, out: usize, kernel: usize| {
        ((out - 1) * g.stride + kernel).saturating_sub(padding + length)
    };
    let x = x.to_dtype(DType::F32)?.contiguous()?;
    let x = x.pad_with_zeros(1, g.top, below(g.height, g.top, g.out_height, g.kernel_height))?;
    let x = x.pad_with_zeros(2, g.left, below(g.width, g.left, g.out_width, g.kernel_width))?;
    let gradient = gradient.to_dtype(DType::F32)?.contiguous()?.reshape(((), g.out_channels))?.t()?.contiguous()?;
    let mut taps = Vec::new();
    for row in 0..g.kernel_height {
        for column in 0..g.kernel_width {
            let seen = every(&every(&x, 1, row, g.out_height, g.stride)?, 2, column, g.out_width, g.stride)?;
            taps.push(gradient.matmul(&seen.contiguous()?.reshape(((), g.in_channels))?)?);
        }
    }
    let dims = (g.out_channels, g.in_channels, g.kernel_height, g.kernel_width);
    Tensor::stack(&taps, 2)?.reshape(dims)
}

/// `count` places of a dimension from `first` on, `stride` apart.
fn every(x: &Tensor, dimension: usize, first: usize, count: usize, stride: usize) -> Result<Tensor> {
    if stride == 1 {
        return x.narrow(dimension, first, count);
    }
    let places: Vec<u32> = (0..count).map(|place| (first + place * stride) as u32).collect();
    x.contiguous()?.index_select(&Tensor::new(places, x.device())?, dimension)
}
