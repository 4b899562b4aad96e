//! The frozen weights of a layer that an adapter may change: a linear layer or a convolution.

use candle_core::{DType, Result, Tensor};

use crate::kernels::{Conv2d, Linear, Window, conv2d, linear, trained_conv2d, trained_linear};

/// The frozen weights of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frozen<'a> {
    /// `x` `(..., in)` → `(..., out)`.
    Linear(&'a Linear),
    /// `x` `(B, H, W, in)` → `(B, H', W', out)`.
    Conv(&'a Conv2d),
}

impl Frozen<'_> {
    /// The layer's output, with its bias.
    pub(super) fn forward(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Linear(weights) => linear(x, weights),
            Self::Conv(weights) => conv2d(x, weights),
        }
    }

    /// `scale` times the output of a layer of the same kind, stride and padding with the weights `weight`
    /// `(n, in)` or `(n, in, height, width)`, f32; no bias.
    pub(super) fn like(self, x: &Tensor, weight: &Tensor, scale: f64) -> Result<Tensor> {
        match self {
            Self::Linear(_) => trained_linear(x, weight, scale),
            Self::Conv(weights) => {
                let window = Window { stride: weights.stride(), padding: weights.padding() };
                trained_conv2d(x, weight, scale, window)
            }
        }
    }

    /// The bias `(out)`, if there is one.
    pub(super) fn bias(self, dtype: DType) -> Result<Option<Tensor>> {
        match self {
            Self::Linear(weights) => weights.bias(dtype),
            Self::Conv(weights) => weights.bias(dtype),
        }
    }

    /// The output without the bias.
    pub(super) fn without_bias(self, y: &Tensor) -> Result<Tensor> {
        match self.bias(y.dtype())? {
            Some(bias) => y.broadcast_sub(&bias),
            None => Ok(y.clone()),
        }
    }

    /// The weight `(out, in)` or `(out, in, height, width)`, f32. On a CPU this is a slow copy.
    pub(super) fn weight(self) -> Result<Tensor> {
        match self {
            Self::Linear(weights) => weights.weight(DType::F32),
            Self::Conv(weights) => weights.weight(DType::F32),
        }
    }

    /// The shape of the weight.
    pub(super) fn dims(self) -> Vec<usize> {
        match self {
            Self::Linear(weights) => vec![weights.out_features(), weights.in_features()],
            Self::Conv(weights) => weights.dims().to_vec(),
        }
    }

    /// The Euclidean norm of the weights of each output, `(out)` f32. Computed once.
    pub(super) fn norms(self) -> Result<Tensor> {
        match self {
            Self::Linear(weights) => weights.norms(),
            Self::Conv(weights) => weights.norms(),
        }
    }

    /// The sums of products of each output's weights with each of the `n` weights `(n, in)` or
    /// `(n, in, height, width)`: `(n, out)` f32. `dtype` is that of the layer's inputs.
    pub(super) fn products(self, others: &Tensor, dtype: DType) -> Result<Tensor> {
        let others = others.detach().to_dtype(dtype)?;
        let y = match self {
            Self::Linear(weights) => linear(&others.contiguous()?, weights)?,
            Self::Conv(weights) => {
                // The others are pictures, and lie where a step of the window meets them exactly.
                let (kernel, stride, padding) = (weights.kernel(), weights.stride(), weights.padding());
                let (row, column) = (padding.top.div_ceil(stride), padding.left.div_ceil(stride));
                let picture = others.permute((0, 2, 3, 1))?.contiguous()?;
                let picture = picture.pad_with_zeros(1, row * stride - padding.top, kernel.0)?;
                let picture = picture.pad_with_zeros(2, column * stride - padding.left, kernel.1)?;
                let y = conv2d(&picture.contiguous()?, weights)?;
                y.narrow(1, row, 1)?.narrow(2, column, 1)?.flatten(0, 2)?
            }
        };
        self.without_bias(&y)?.to_dtype(DType::F32)
    }
}
