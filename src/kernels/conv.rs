//! The frozen two-dimensional convolution, channels last.

use candle_core::{DType, Result, Tensor, bail};

use super::reference;

/// Zeros added around a feature map, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// The same number of pixels on all four sides.
    #[must_use]
    pub fn same(pixels: usize) -> Self {
        Self { top: pixels, bottom: pixels, left: pixels, right: pixels }
    }
}

/// Frozen weights of a convolution (one group, dilation 1).
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: Padding,
}

impl Conv2d {
    /// Takes `weight` in torch order `(out, in, kernel height, kernel width)` and `bias` `(out)`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, stride: usize, padding: Padding) -> Result<Self> {
        let (out, _, _, _) = weight.dims4()?;
        if let Some(b) = &bias
            && b.dims() != [out]
        {
            bail!("conv2d: the bias has shape {:?}, the weight {:?}", b.dims(), weight.dims());
        }
        if stride == 0 || weight.elem_count() == 0 {
            bail!("conv2d: stride {stride} and weight {:?} must not be zero", weight.dims());
        }
        Ok(Self { weight: weight.detach(), bias: bias.map(|b| b.detach()), stride, padding })
    }

    /// Kernel height and width in pixels.
    pub(super) fn kernel(&self) -> (usize, usize) {
        (self.weight.dims()[2], self.weight.dims()[3])
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    pub(super) fn padding(&self) -> Padding {
        self.padding
    }

    /// The weight `(out, in, kh, kw)` in `dtype`.
    pub(super) fn weight(&self, dtype: DType) -> Result<Tensor> {
        self.weight.to_dtype(dtype)
    }

    /// The bias `(out)` in `dtype`.
    pub(super) fn bias(&self, dtype: DType) -> Result<Option<Tensor>> {
        self.bias.as_ref().map(|b| b.to_dtype(dtype)).transpose()
    }
}

/// `x` `(batch, height, width, in)` to `(batch, height', width', out)`. The gradient goes to `x` only.
pub fn conv2d(x: &Tensor, w: &Conv2d) -> Result<Tensor> {
    reference::conv2d(x, w)
}
