//! Frozen scale and shift of group and layer normalisations.

use std::sync::Arc;

use candle_core::{DType, Result, Tensor, bail};

/// The frozen scale and shift of a normalisation, both `(channels)`.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    weight: Tensor,
    bias: Tensor,
    /// The numbers of `weight` in the host's memory.
    weight_numbers: Arc<[f32]>,
    /// The numbers of `bias` in the host's memory.
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

    pub(crate) fn channels(&self) -> usize {
        self.weight_numbers.len()
    }

    /// The scale, f32.
    pub(crate) fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The shift, f32.
    pub(crate) fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// The numbers of the scale.
    pub(crate) fn weight_numbers(&self) -> &[f32] {
        &self.weight_numbers
    }

    /// The numbers of the shift.
    pub(crate) fn bias_numbers(&self) -> &[f32] {
        &self.bias_numbers
    }
}

/// The frozen weights of a group normalisation ([Wu & He 2018](https://arxiv.org/abs/1803.08494)).
#[derive(Clone, Debug)]
pub struct GroupNorm {
    pub(crate) affine: Affine,
    pub(crate) groups: usize,
    pub(crate) eps: f64,
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

    /// Checks that `x` is `(batch, ..., channels)`.
    pub(crate) fn check(&self, x: &Tensor) -> Result<()> {
        match x.dims() {
            [_, .., channels] if *channels == self.affine.channels() => Ok(()),
            dims => bail!("group norm: expected {} channels in the last dimension of {dims:?}", self.affine.channels()),
        }
    }
}

/// The frozen weights of a layer normalisation over the last dimension.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    pub(crate) affine: Affine,
    pub(crate) eps: f64,
}

impl LayerNorm {
    /// Takes `weight` and `bias` `(channels)`.
    pub fn new(weight: Tensor, bias: Tensor, eps: f64) -> Result<Self> {
        Ok(Self { affine: Affine::new(weight, bias)?, eps })
    }

    /// Checks that `x` is `(..., channels)`.
    pub(crate) fn check(&self, x: &Tensor) -> Result<()> {
        match x.dims() {
            [_, .., channels] if *channels == self.affine.channels() => Ok(()),
            dims => bail!("layer norm: expected {} channels in the last dimension of {dims:?}", self.affine.channels()),
        }
    }
}
