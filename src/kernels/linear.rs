//! The frozen fully connected layer.

use candle_core::{DType, Result, Tensor, bail};

use super::reference;

/// Frozen weights of a fully connected layer, `y = x Wᵀ + b`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Takes `weight` as `(out, in)` and `bias` as `(out)`, f32, bf16 or f16.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (out, _) = weight.dims2()?;
        if let Some(b) = &bias
            && b.dims() != [out]
        {
            bail!("linear: the bias has shape {:?}, the weight {:?}", b.dims(), weight.dims());
        }
        Ok(Self { weight: weight.detach(), bias: bias.map(|b| b.detach()) })
    }

    /// Number of input channels.
    #[must_use]
    pub fn in_features(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Number of output channels.
    #[must_use]
    pub fn out_features(&self) -> usize {
        self.weight.dims()[0]
    }

    /// The weight `(out, in)` widened or narrowed to `dtype`.
    pub(super) fn weight(&self, dtype: DType) -> Result<Tensor> {
        self.weight.to_dtype(dtype)
    }

    /// The bias `(out)` in `dtype`.
    pub(super) fn bias(&self, dtype: DType) -> Result<Option<Tensor>> {
        self.bias.as_ref().map(|b| b.to_dtype(dtype)).transpose()
    }
}

/// `x` `(..., in)` to `(..., out)`. The gradient goes to `x` only.
pub fn linear(x: &Tensor, w: &Linear) -> Result<Tensor> {
    reference::linear(x, w)
}
