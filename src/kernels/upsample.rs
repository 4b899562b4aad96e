//! Doubling height and width by repeating pixels.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::cpu::fresh::filled;
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::reference;

/// `(batch, height, width, channels)` to `(batch, 2·height, 2·width, channels)`, nearest neighbour.
pub fn upsample_nearest_2x(x: &Tensor) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    if is_fast(x) {
        x.contiguous()?.apply_op1(Upsample { batch, height, width, channels })
    } else {
        reference::upsample_nearest_2x(x)
    }
}

/// Sizes of the argument.
struct Upsample {
    batch: usize,
    height: usize,
    width: usize,
    channels: usize,
}

impl CustomOp1 for Upsample {
    fn name(&self) -> &'static str {
        "upsample-nearest-2x"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(x, layout)?;
        let row = self.width * self.channels;
        let y = filled(4 * x.len(), 4 * row, |start, y| {
            let x = &x[start / 4..][..row];
            let (above, below) = y.split_at_mut(2 * row);
            for (pair, pixel) in above.chunks_exact_mut(2 * self.channels).zip(x.chunks_exact(self.channels)) {
                pair[..self.channels].copy_from_slice(pixel);
                pair[self.channels..].copy_from_slice(pixel);
            }
            below.copy_from_slice(above);
        });
        Ok((CpuStorage::F32(y), Shape::from((self.batch, 2 * self.height, 2 * self.width, self.channels))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let row = self.width * self.channels;
        let dx = with_slice(grad, |grad| {
            Ok(filled(x.elem_count(), row, |start, dx| {
                let (above, below) = grad[4 * start..][..4 * row].split_at(2 * row);
                for (i, pixel) in dx.chunks_exact_mut(self.channels).enumerate() {
                    let from = 2 * i * self.channels;
                    for (c, number) in pixel.iter_mut().enumerate() {
                        let (left, right) = (from + c, from + c + self.channels);
                        *number = above[left] + above[right] + below[left] + below[right];
                    }
                }
            }))
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
