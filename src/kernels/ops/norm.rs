//! Group and layer normalisation with frozen scale and shift.

use candle_core::{Result, Tensor, bail};

use super::path::Path;
use crate::kernels::cpu::custom_ops::norm as cpu;
#[cfg(feature = "cuda")]
use crate::kernels::gpu::cuda::norm as cuda;
use crate::kernels::gpu::portable::norm as portable;
use crate::kernels::layers::activation::Activation;
use crate::kernels::layers::norm::{GroupNorm, LayerNorm};
use crate::kernels::layers::statistics::GroupStatistics;
use crate::kernels::reference;

/// Normalises `x` `(batch, ..., channels)` over everything but the batch within each group of channels,
/// then applies `act`. The gradient goes to `x` only.
pub fn group_norm(x: &Tensor, n: &GroupNorm, act: Activation) -> Result<Tensor> {
    n.check(x)?;
    match Path::of(x, &[]) {
        Path::Cpu => cpu::group_norm(x, n, act),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::group_norm(x, n, act),
        Path::Candle => portable::group_norm(x, n, act),
    }
}

/// The statistics that [`group_norm`] normalises `x` by.
pub fn group_statistics(x: &Tensor, n: &GroupNorm) -> Result<GroupStatistics> {
    n.check(x)?;
    if let Path::Cpu = Path::of(x, &[]) {
        return cpu::group_statistics(x, n);
    }
    let [mean, variance] = reference::group_statistics(x, n)?.map(|x| x.flatten_all()?.to_vec1());
    Ok(GroupStatistics { mean: mean?, variance: variance? })
}

/// Like [`group_norm`], with the statistics of another tensor than `x`. It has no gradient.
pub fn group_norm_by(x: &Tensor, n: &GroupNorm, act: Activation, by: &GroupStatistics) -> Result<Tensor> {
    n.check(x)?;
    let GroupStatistics { mean, variance } = by;
    if mean.len() != x.dim(0)? * n.groups || variance.len() != mean.len() {
        bail!("group norm: {} statistics for {} images of {} groups", mean.len(), x.dim(0)?, n.groups);
    }
    if let Path::Cpu = Path::of(x, &[]) {
        return cpu::group_norm_by(x, n, act, by);
    }
    let shape = (x.dim(0)?, 1, n.groups, 1);
    let [mean, variance] = [mean, variance].map(|numbers| Tensor::from_slice(numbers, shape, x.device()));
    reference::group_norm_by(x, n, act, [mean?, variance?])
}

/// Normalises `x` `(..., channels)` over the last dimension. The gradient goes to `x` only.
pub fn layer_norm(x: &Tensor, n: &LayerNorm) -> Result<Tensor> {
    n.check(x)?;
    match Path::of(x, &[]) {
        Path::Cpu => cpu::layer_norm(x, n),
        #[cfg(feature = "cuda")]
        Path::Cuda => cuda::layer_norm(x, n),
        Path::Candle => portable::layer_norm(x, n),
    }
}
