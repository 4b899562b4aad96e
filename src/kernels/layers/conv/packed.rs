//! The weight of a convolution on the CPU.

use candle_core::{DType, Result, Tensor};

use super::geometry::Padding;
use crate::kernels::layers::storage::Packing;
use crate::kernels::packed::panels::{Element, Pack, Panels, pack_tensor, pad_bias};
use crate::kernels::packed::winograd;

/// The packed weights of a convolution.
#[derive(Debug)]
pub(crate) struct PackedConv {
    pub(crate) kernel: Kernel,
    /// The bias, padded to whole panels.
    pub(crate) bias: Option<Vec<f32>>,
}

/// A packed kernel. One pack serves both directions; of small transformed kernels a turned copy is kept, too.
#[derive(Debug)]
pub(crate) enum Kernel {
    /// `(out, tap · in + channel)`, taps row by row.
    Direct(Panels),
    /// A 3×3 kernel transformed for Winograd's products.
    Winograd(winograd::Weight),
}

impl PackedConv {
    /// Packs a weight `(out, in, height, width)` and its bias `(out)`, and chooses how to convolve with it.
    pub(super) fn new(
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: usize,
        padding: Padding,
        packing: Packing,
    ) -> Result<Self> {
        let (out, channels, height, width) = weight.dims4()?;
        let near = [padding.top, padding.bottom, padding.left, padding.right].into_iter().all(|pixels| pixels <= 2);
        let half = matches!(weight.dtype(), DType::BF16 | DType::F16);
        let fits = near && (height, width, stride) == (3, 3, 1) && packing == Packing::Fast;
        let winograd = if fits { winograd::Size::choose(out, channels, half) } else { None };
        let kernel = pack_tensor(weight, PackKernel { dims: [out, channels, height, width], winograd })?;
        Ok(Self { kernel, bias: bias.map(pad_bias).transpose()? })
    }

    /// The number of the kernel for output `n`, input `k` of `channels` and tap `tap`. It is rounded if the kernel was
    /// packed transformed.
    pub(super) fn get(&self, n: usize, k: usize, channels: usize, tap: usize) -> f32 {
        match &self.kernel {
            Kernel::Direct(weight) => weight.get(0, n, tap * channels + k),
            Kernel::Winograd(weight) => weight.get(n, k, tap / 3, tap % 3),
        }
    }
}

/// Packs a weight `(out, in, height, width)`.
struct PackKernel {
    dims: [usize; 4],
    winograd: Option<winograd::Size>,
}

impl Pack for PackKernel {
    type Packed = Kernel;
    fn pack<T: Element>(self, numbers: &[T]) -> Kernel {
        let [out, channels, height, width] = self.dims;
        let taps = height * width;
        match self.winograd {
            Some(size) => Kernel::Winograd(winograd::Weight::new::<T>(size, out, channels, |n, k| {
                std::array::from_fn(|tap| numbers[(n * channels + k) * 9 + tap].to_f32())
            })),
            None => Kernel::Direct(Panels::pack(out, taps * channels, |n, k| {
                numbers[(n * channels + k % channels) * taps + k / channels]
            })),
        }
    }
}
