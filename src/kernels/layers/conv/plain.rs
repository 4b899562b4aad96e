//! The weight of a convolution on a GPU.

use std::sync::OnceLock;

use candle_core::{DType, Result, Tensor};

/// A weight on another device than the CPU: `(out, in, kernel height, kernel width)`; on CUDA
/// `(out, kernel height, kernel width, in)`.
#[derive(Debug)]
pub(super) struct PlainConv {
    weight: Tensor,
    /// The turned weight (see [`turned`]), in the same order of dimensions. It is made when it is first needed.
    turned: OnceLock<Tensor>,
}

impl PlainConv {
    /// Takes a weight `(out, in, kernel height, kernel width)`.
    pub(super) fn new(weight: &Tensor) -> Result<Self> {
        let weight = weight.detach();
        let weight = if weight.device().is_cuda() { weight.permute((0, 2, 3, 1))?.contiguous()? } else { weight };
        Ok(Self { weight, turned: OnceLock::new() })
    }

    /// The weight `(out, in, kernel height, kernel width)` in `dtype`.
    pub(super) fn weight(&self, dtype: DType) -> Result<Tensor> {
        channels_first(&self.weight)?.to_dtype(dtype)
    }

    /// The turned weight `(in, out, kernel height, kernel width)` in `dtype`.
    pub(super) fn turned(&self, dtype: DType) -> Result<Tensor> {
        channels_first(self.turned_as_stored()?)?.to_dtype(dtype)
    }

    /// Whether the weight is on CUDA, and so in the order `(out, kernel height, kernel width, in)`.
    #[cfg(feature = "cuda")]
    pub(super) fn is_on_cuda(&self) -> bool {
        self.weight.device().is_cuda()
    }

    /// The weight in the order in which it is stored.
    #[cfg(feature = "cuda")]
    pub(super) fn as_stored(&self) -> &Tensor {
        &self.weight
    }

    /// The turned weight in the order in which it is stored.
    pub(super) fn turned_as_stored(&self) -> Result<&Tensor> {
        if let Some(turned) = self.turned.get() {
            return Ok(turned);
        }
        let turned = if self.weight.device().is_cuda() {
            self.weight.flip(&[1, 2])?.permute((3, 1, 2, 0))?.contiguous()?
        } else {
            turned(&self.weight)?
        };
        Ok(self.turned.get_or_init(|| turned))
    }
}

/// A stored weight in the order `(_, _, height, width)`.
fn channels_first(weight: &Tensor) -> Result<Tensor> {
    if weight.device().is_cuda() { weight.permute((0, 3, 1, 2))?.contiguous() } else { Ok(weight.clone()) }
}

/// Turns a weight `(out, in, height, width)` for the convolution of the gradient: `(in, out, height, width)` with its
/// taps in reverse order.
pub(super) fn turned(weight: &Tensor) -> Result<Tensor> {
    weight.flip(&[2, 3])?.transpose(0, 1)?.contiguous()
}
