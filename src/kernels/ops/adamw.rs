//! The step of an optimizer.

use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use super::path::Path;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::adamw as cuda;
use crate::kernels::layers::adamw::AdamWStep;
use crate::kernels::reference;

/// Computes a weight, the mean of its gradients and the mean of their squares after one step. All are f32 and have one
/// shape. Formula and order of operations are those of
/// [`torch.optim.AdamW`](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html) without amsgrad.
///
/// # Errors
/// If the shapes differ.
pub fn adamw(
    value: &Tensor,
    first: &Tensor,
    second: &Tensor,
    gradient: &Tensor,
    step: AdamWStep,
) -> Result<[Tensor; 3]> {
    #[cfg(feature = "cuda")]
    if matches!(Path::of(value, &[]), Path::Cuda) {
        return cuda::adamw(value, first, second, gradient, step);
    }
    reference::adamw(value, first, second, gradient, step)
}
