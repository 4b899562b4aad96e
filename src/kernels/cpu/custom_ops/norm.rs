//! Group and layer normalisation.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::kernels::autodiff::apply::{Reads, apply1};
use crate::kernels::cpu::group_norm::{self as by_group, Groups};
use crate::kernels::cpu::layer_norm as by_row;
use crate::kernels::host::numbers::{slice, with_slice};
use crate::kernels::layers::activation::Activation;
use crate::kernels::layers::norm::{GroupNorm, LayerNorm};
use crate::kernels::layers::statistics::GroupStatistics;

/// See [`group_norm`](crate::kernels::group_norm).
pub(crate) fn group_norm(x: &Tensor, n: &GroupNorm, act: Activation) -> Result<Tensor> {
    apply1(&x.contiguous()?, GroupNormOp { norm: n.clone(), act, statistics: Mutex::default() }, Reads::Arguments)
}

/// See [`group_statistics`](crate::kernels::group_statistics).
pub(crate) fn group_statistics(x: &Tensor, n: &GroupNorm) -> Result<GroupStatistics> {
    let (x, groups) = (x.contiguous()?, Groups::of(n, x.shape(), Activation::None));
    with_slice(&x, |x| Ok(by_group::statistics(&groups, x)))
}

/// See [`group_norm_by`](crate::kernels::group_norm_by).
pub(crate) fn group_norm_by(x: &Tensor, n: &GroupNorm, act: Activation, by: &GroupStatistics) -> Result<Tensor> {
    let (x, groups) = (x.contiguous()?, Groups::of(n, x.shape(), act));
    let y = with_slice(&x, |x| Ok(by_group::forward(&groups, x, by)))?;
    Tensor::from_vec(y, x.shape(), x.device())
}

/// See [`layer_norm`](crate::kernels::layer_norm).
pub(crate) fn layer_norm(x: &Tensor, n: &LayerNorm) -> Result<Tensor> {
    apply1(&x.contiguous()?, LayerNormOp(n.clone()), Reads::Arguments)
}

struct GroupNormOp {
    norm: GroupNorm,
    act: Activation,
    /// The statistics of the argument, from the forward pass.
    statistics: Mutex<GroupStatistics>,
}

impl CustomOp1 for GroupNormOp {
    fn name(&self) -> &'static str {
        "group-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, groups) = (slice(x, layout)?, Groups::of(&self.norm, layout.shape(), self.act));
        let statistics = by_group::statistics(&groups, x);
        let y = by_group::forward(&groups, x, &statistics);
        *self.statistics.lock().unwrap_or_else(|e| e.into_inner()) = statistics;
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let groups = Groups::of(&self.norm, x.shape(), self.act);
        let statistics = self.statistics.lock().unwrap_or_else(|e| e.into_inner());
        let dx = with_slice(x, |x| with_slice(grad, |grad| Ok(by_group::backward(&groups, x, &statistics, grad))))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

struct LayerNormOp(LayerNorm);

impl CustomOp1 for LayerNormOp {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let LayerNorm { affine, eps } = &self.0;
        let y = by_row::forward(slice(x, layout)?, affine.weight_numbers(), affine.bias_numbers(), *eps as f32);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let LayerNorm { affine, eps } = &self.0;
        let run = |x: &[f32], grad: &[f32]| by_row::backward(x, affine.weight_numbers(), *eps as f32, grad);
        let dx = with_slice(x, |x| with_slice(grad, |grad| Ok(run(x, grad))))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
