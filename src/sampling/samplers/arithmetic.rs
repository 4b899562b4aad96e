//! Sums of tensors with plain numbers as factors.

use candle_core::{Result, Tensor};

/// a·x + b·y.
pub(super) fn combine(a: f32, x: &Tensor, b: f32, y: &Tensor) -> Result<Tensor> {
    scale(x, a)? + scale(y, b)?
}

/// a·x.
pub(super) fn scale(x: &Tensor, a: f32) -> Result<Tensor> {
    x.affine(f64::from(a), 0.0)
}
