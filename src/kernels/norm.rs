//! Group and layer normalisation with frozen scale and shift.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};

use super::cpu::group_norm::{self as by_group, Groups, Statistics};
use super::cpu::layer_norm as by_row;
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::recording::{Reads, apply1};
use super::{device, reference};

/// What follows a normalisation in the same pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `x · sigmoid(x)`.
    Silu,
}

/// Frozen scale and shift, both `(channels)`, of a normalisation.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    weight: Tensor,
    bias: Tensor,
    /// The same in host memory.
    weight_numbers: Arc<[f32]>,
    bias_numbers: Arc<[f32]>,
}

impl Affine {
    fn new(weight: Tensor, bias: Tensor) -> Result<Self> {
        if weight.dims1()? != bias.dims1()? {
            bail!("norm: weight {:?} and bias {:?} differ", weight.dims(), bias.dims());
        }
        let (weight, bias) = (weight.detach().to_dtype(DType::F32)?, bias.detach().to_dtype(DType::F32)?);
        let (weight_numbers, bias_numbers) = (weight.to_vec1()?.into(), bias.to_vec1()?.into());
        Ok(Self { weight, bias, weight_numbers, bias_numbers })
    }

    fn channels(&self) -> usize {
        self.weight_numbers.len()
    }

    /// Scale, f32.
    pub(super) fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// Shift, f32.
    pub(super) fn bias(&self) -> &Tensor {
        &self.bias
    }
}

/// Frozen weights of a group normalisation ([Wu & He 2018](https://arxiv.org/abs/1803.08494)).
#[derive(Clone, Debug)]
pub struct GroupNorm {
    pub(super) affine: Affine,
    pub(super) groups: usize,
    pub(super) eps: f64,
}

impl GroupNorm {
    /// Takes `weight` and `bias` `(channels)`; `groups` must divide the number of channels.
    pub fn new(weight: Tensor, bias: Tensor, groups: usize, eps: f64) -> Result<Self> {
        let channels = weight.dims1()?;
        if groups == 0 || !channels.is_multiple_of(groups) {
            bail!("group norm: {channels} channels do not form {groups} groups");
        }
        Ok(Self { affine: Affine::new(weight, bias)?, groups, eps })
    }

    /// For a tensor `(batch, ..., channels)`.
    fn groups(&self, shape: &Shape, silu: bool) -> Groups<'_> {
        let Self { affine, groups, eps } = self;
        let image: usize = shape.dims().iter().skip(1).product();
        Groups {
            pixels: image / affine.channels(),
            groups: *groups,
            eps: *eps as f32,
            silu,
            weight: &affine.weight_numbers,
            bias: &affine.bias_numbers,
        }
    }
}

/// Frozen weights of a layer normalisation over the last dimension.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    pub(super) affine: Affine,
    pub(super) eps: f64,
}

impl LayerNorm {
    /// Takes `weight` and `bias` `(channels)`.
    pub fn new(weight: Tensor, bias: Tensor, eps: f64) -> Result<Self> {
        Ok(Self { affine: Affine::new(weight, bias)?, eps })
    }
}

fn check_channels(x: &Tensor, n: &GroupNorm) -> Result<()> {
    match x.dims() {
        [_, .., channels] if *channels == n.affine.channels() => Ok(()),
        dims => bail!("group norm: expected {} channels in the last dimension of {dims:?}", n.affine.channels()),
    }
}

/// Normalises `x` `(batch, ..., channels)` over everything but the batch within each group of channels,
/// then applies `act`. The gradient goes to `x` only.
pub fn group_norm(x: &Tensor, n: &GroupNorm, act: Activation) -> Result<Tensor> {
    check_channels(x, n)?;
    if is_fast(x) {
        let op = GroupNormOp { norm: n.clone(), silu: act == Activation::Silu, statistics: Mutex::default() };
        apply1(&x.contiguous()?, op, Reads::Arguments)
    } else {
        device::group_norm(x, n, act)
    }
}

/// Mean and variance of every image and group of channels: what a group normalisation normalises by.
#[derive(Clone, Debug)]
pub struct GroupStatistics(Statistics);

impl GroupStatistics {
    /// Those of images of which `parts` are the parts' and their numbers of pixels. `None` if there are no pixels, or the parts are not of as
    /// many images and groups.
    pub fn pooled<'a>(parts: impl IntoIterator<Item = (&'a Self, usize)> + Clone) -> Option<Self> {
        let pixels: usize = parts.clone().into_iter().map(|(_, pixels)| pixels).sum();
        let groups = parts.clone().into_iter().next()?.0.0.mean.len();
        if parts.clone().into_iter().any(|(part, _)| part.0.mean.len() != groups || part.0.variance.len() != groups) {
            return None;
        }
        let mean_of = |number: &dyn Fn(&Statistics) -> f64| {
            parts.clone().into_iter().map(|(part, pixels)| pixels as f64 * number(&part.0)).sum::<f64>() / pixels as f64
        };
        let mut all = Statistics::default();
        for i in 0..groups {
            let mean = mean_of(&|part| f64::from(part.mean[i]));
            let square = |part: &Statistics| f64::from(part.variance[i]) + (f64::from(part.mean[i]) - mean).powi(2);
            all.variance.push(mean_of(&square) as f32);
            all.mean.push(mean as f32);
        }
        (pixels > 0).then_some(Self(all))
    }
}

/// The statistics [`group_norm`] normalises `x` by.
pub fn group_statistics(x: &Tensor, n: &GroupNorm) -> Result<GroupStatistics> {
    check_channels(x, n)?;
    if is_fast(x) {
        let (x, groups) = (x.contiguous()?, n.groups(x.shape(), false));
        return with_slice(&x, |x| Ok(GroupStatistics(Statistics::of(&groups, x))));
    }
    let [mean, variance] = reference::group_statistics(x, n)?.map(|x| x.flatten_all()?.to_vec1());
    Ok(GroupStatistics(Statistics { mean: mean?, variance: variance? }))
}

/// As [`group_norm`], by other statistics than `x`'s own. Without gradient.
pub fn group_norm_by(x: &Tensor, n: &GroupNorm, act: Activation, by: &GroupStatistics) -> Result<Tensor> {
    check_channels(x, n)?;
    let Statistics { mean, variance } = &by.0;
    if mean.len() != x.dim(0)? * n.groups || variance.len() != mean.len() {
        bail!("group norm: {} statistics for {} images of {} groups", mean.len(), x.dim(0)?, n.groups);
    }
    if is_fast(x) {
        let (x, groups) = (x.contiguous()?, n.groups(x.shape(), act == Activation::Silu));
        let y = with_slice(&x, |x| Ok(by_group::forward(&groups, x, &by.0)))?;
        return Tensor::from_vec(y, x.shape(), x.device());
    }
    let shape = (x.dim(0)?, 1, n.groups, 1);
    let [mean, variance] = [mean, variance].map(|numbers| Tensor::from_slice(numbers, shape, x.device()));
    reference::group_norm_by(x, n, act, [mean?, variance?])
}

/// Normalises `x` `(..., channels)` over the last dimension. The gradient goes to `x` only.
pub fn layer_norm(x: &Tensor, n: &LayerNorm) -> Result<Tensor> {
    match x.dims() {
        [_, .., channels] if *channels == n.affine.channels() => {}
        dims => bail!("layer norm: expected {} channels in the last dimension of {dims:?}", n.affine.channels()),
    }
    if is_fast(x) {
        apply1(&x.contiguous()?, LayerNormOp(n.clone()), Reads::Arguments)
    } else {
        device::layer_norm(x, n)
    }
}

struct GroupNormOp {
    norm: GroupNorm,
    silu: bool,
    /// From the forward pass.
    statistics: Mutex<Statistics>,
}

impl CustomOp1 for GroupNormOp {
    fn name(&self) -> &'static str {
        "group-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, groups) = (slice(x, layout)?, self.norm.groups(layout.shape(), self.silu));
        let statistics = Statistics::of(&groups, x);
        let y = by_group::forward(&groups, x, &statistics);
        *self.statistics.lock().unwrap_or_else(|e| e.into_inner()) = statistics;
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let groups = self.norm.groups(x.shape(), self.silu);
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
        let y = by_row::forward(slice(x, layout)?, &affine.weight_numbers, &affine.bias_numbers, *eps as f32);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let LayerNorm { affine, eps } = &self.0;
        let run = |x: &[f32], grad: &[f32]| by_row::backward(x, &affine.weight_numbers, *eps as f32, grad);
        let dx = with_slice(x, |x| with_slice(grad, |grad| Ok(run(x, grad))))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
