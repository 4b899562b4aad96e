//! Group and layer normalisation with frozen scale and shift.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};

use super::cpu::norm::{self as cpu, Groups, Statistics};
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::reference;

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

/// Normalises `x` `(batch, ..., channels)` over everything but the batch within each group of channels,
/// then applies `act`. The gradient goes to `x` only.
pub fn group_norm(x: &Tensor, n: &GroupNorm, act: Activation) -> Result<Tensor> {
    match x.dims() {
        [_, .., channels] if *channels == n.affine.channels() => {}
        dims => bail!("group norm: expected {} channels in the last dimension of {dims:?}", n.affine.channels()),
    }
    if is_fast(x) {
        let op = GroupNormOp { norm: n.clone(), silu: act == Activation::Silu, statistics: Mutex::default() };
        x.contiguous()?.apply_op1(op)
    } else {
        reference::group_norm(x, n, act)
    }
}

/// Normalises `x` `(..., channels)` over the last dimension. The gradient goes to `x` only.
pub fn layer_norm(x: &Tensor, n: &LayerNorm) -> Result<Tensor> {
    match x.dims() {
        [_, .., channels] if *channels == n.affine.channels() => {}
        dims => bail!("layer norm: expected {} channels in the last dimension of {dims:?}", n.affine.channels()),
    }
    if is_fast(x) { x.contiguous()?.apply_op1(LayerNormOp(n.clone())) } else { reference::layer_norm(x, n) }
}

struct GroupNormOp {
    norm: GroupNorm,
    silu: bool,
    /// From the forward pass.
    statistics: Mutex<Statistics>,
}

impl GroupNormOp {
    fn groups(&self, shape: &Shape) -> Groups<'_> {
        let GroupNorm { affine, groups, eps } = &self.norm;
        let image: usize = shape.dims().iter().skip(1).product();
        Groups {
            pixels: image / affine.channels(),
            groups: *groups,
            eps: *eps as f32,
            silu: self.silu,
            weight: &affine.weight_numbers,
            bias: &affine.bias_numbers,
        }
    }
}

impl CustomOp1 for GroupNormOp {
    fn name(&self) -> &'static str {
        "group-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (y, statistics) = cpu::group_norm(&self.groups(layout.shape()), slice(x, layout)?);
        *self.statistics.lock().unwrap_or_else(|e| e.into_inner()) = statistics;
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let groups = self.groups(x.shape());
        let statistics = self.statistics.lock().unwrap_or_else(|e| e.into_inner());
        let dx =
            with_slice(x, |x| with_slice(grad, |grad| Ok(cpu::group_norm_backward(&groups, x, &statistics, grad))))?;
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
        let y = cpu::layer_norm(slice(x, layout)?, &affine.weight_numbers, &affine.bias_numbers, *eps as f32);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let LayerNorm { affine, eps } = &self.0;
        let run = |x: &[f32], grad: &[f32]| cpu::layer_norm_backward(x, &affine.weight_numbers, *eps as f32, grad);
        let dx = with_slice(x, |x| with_slice(grad, |grad| Ok(run(x, grad))))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
