//! Group and layer normalisation with frozen scale and shift.

use candle_core::{DType, Result, Tensor, bail};

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
}

impl Affine {
    fn new(weight: Tensor, bias: Tensor) -> Result<Self> {
        if weight.dims1()? != bias.dims1()? {
            bail!("norm: weight {:?} and bias {:?} differ", weight.dims(), bias.dims());
        }
        Ok(Self { weight: weight.detach().to_dtype(DType::F32)?, bias: bias.detach().to_dtype(DType::F32)? })
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
    reference::group_norm(x, n, act)
}

/// Normalises `x` `(..., channels)` over the last dimension. The gradient goes to `x` only.
pub fn layer_norm(x: &Tensor, n: &LayerNorm) -> Result<Tensor> {
    reference::layer_norm(x, n)
}
