//! Doubling height and width by repeating pixels.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::kernels::autodiff::apply::{Reads, apply1};
use crate::kernels::host::fresh::filled;
use crate::kernels::host::numbers::{slice, with_slice};

/// See [`upsample_nearest_2x`](crate::kernels::upsample_nearest_2x).
pub(crate) fn upsample_nearest_2x(x: &Tensor, (to_height, to_width): (usize, usize)) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let op = Upsample { batch, height, width, channels, to_height, to_width };
    apply1(&x.contiguous()?, op, Reads::Shapes)
}

/// The sizes of the argument and of the result.
struct Upsample {
    batch: usize,
    height: usize,
    width: usize,
    channels: usize,
    to_height: usize,
    to_width: usize,
}

impl CustomOp1 for Upsample {
    fn name(&self) -> &'static str {
        "upsample-nearest-2x"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(x, layout)?;
        let (row, to_row) = (self.width * self.channels, self.to_width * self.channels);
        let y = filled(self.batch * self.to_height * to_row, to_row, |start, y| {
            let (image, i) = (start / to_row / self.to_height, start / to_row % self.to_height);
            let x = &x[(image * self.height + i / 2) * row..][..row];
            for (pair, pixel) in y.chunks_mut(2 * self.channels).zip(x.chunks_exact(self.channels)) {
                pair.chunks_exact_mut(self.channels).for_each(|to| to.copy_from_slice(pixel));
            }
        });
        Ok((CpuStorage::F32(y), Shape::from((self.batch, self.to_height, self.to_width, self.channels))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (row, to_row) = (self.width * self.channels, self.to_width * self.channels);
        let dx = with_slice(grad, |grad| {
            Ok(filled(x.elem_count(), row, |start, dx| {
                let (image, i) = (start / row / self.height, start / row % self.height);
                for below in (2 * i..self.to_height).take(2) {
                    let grad = &grad[(image * self.to_height + below) * to_row..][..to_row];
                    for (pixel, pair) in dx.chunks_exact_mut(self.channels).zip(grad.chunks(2 * self.channels)) {
                        for from in pair.chunks_exact(self.channels) {
                            pixel.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                        }
                    }
                }
            }))
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
