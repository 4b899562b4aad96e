//! Updates that are computed as whole weights.

use candle_core::{Result, Tensor};

use super::about::Tensors;
use crate::kernels::composed;
use crate::models::frozen::Frozen;

/// What the update of these tensors gives for `x`, times `scale`. The update is computed first, of the shape of the
/// layer's weight.
pub(super) fn added(
    update: fn(&Tensors) -> Result<Tensor>,
    tensors: &Tensors,
    x: &Tensor,
    frozen: Frozen<'_>,
    scale: f64,
) -> Result<Tensor> {
    let arguments: Vec<&Tensor> = tensors.values().collect();
    let weight = composed(&arguments, || update(tensors)?.reshape(frozen.dims()))?;
    frozen.like(x, &weight, scale)
}
