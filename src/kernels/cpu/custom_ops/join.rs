//! Sums of feature maps, and feature maps side by side.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};

use crate::kernels::autodiff::apply::{Reads, apply2};
use crate::kernels::cpu::join::{part_of_rows, side_by_side, sum_of_rows};
use crate::kernels::host::numbers::{slice, with_slice};
use crate::kernels::host::sum::sum;
use crate::kernels::layers::shape::with_channels;

/// See [`add`](crate::kernels::add).
pub(crate) fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let op = Sum { repeated: 1, wanted: [x.track_op(), y.track_op()] };
    apply2(&x.contiguous()?, &y.contiguous()?, op, Reads::Shapes)
}

/// See [`add_to_pixels`](crate::kernels::add_to_pixels). The gradient goes to `x` only.
pub(crate) fn add_to_pixels(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let pixels = match x.dims() {
        [_, between @ .., _] => between.iter().product(),
        _ => 1,
    };
    let op = Sum { repeated: pixels, wanted: [x.track_op(), false] };
    apply2(&x.contiguous()?, &y.contiguous()?, op, Reads::Shapes)
}

/// See [`concatenate`](crate::kernels::concatenate).
pub(crate) fn concatenate(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let [channels, others] = [x.dim(D::Minus1)?, y.dim(D::Minus1)?];
    let op = Concatenation { channels, others, wanted: [x.track_op(), y.track_op()] };
    apply2(&x.contiguous()?, &y.contiguous()?, op, Reads::Shapes)
}

/// Adds each row of the second argument to `repeated` rows of the first one. Rows go along the last dimension.
struct Sum {
    repeated: usize,
    /// Which arguments want a gradient.
    wanted: [bool; 2],
}

impl CustomOp2 for Sum {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout, y: &CpuStorage, y_at: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, y) = (slice(x, at)?, slice(y, y_at)?);
        let numbers = match y_at.shape().dims().last() {
            Some(&channels) if self.repeated > 1 => sum_of_rows(x, y, channels, self.repeated),
            _ => sum(x, y),
        };
        Ok((CpuStorage::F32(numbers), at.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok(self.wanted.map(|wanted| wanted.then(|| grad.clone())).into())
    }
}

struct Concatenation {
    channels: usize,
    others: usize,
    /// Which arguments want a gradient.
    wanted: [bool; 2],
}

impl CustomOp2 for Concatenation {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    fn cpu_fwd(&self, x: &CpuStorage, at: &Layout, y: &CpuStorage, y_at: &Layout) -> Result<(CpuStorage, Shape)> {
        let numbers = side_by_side(slice(x, at)?, self.channels, slice(y, y_at)?, self.others);
        Ok((CpuStorage::F32(numbers), with_channels(at.shape(), self.channels + self.others)))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let all = self.channels + self.others;
        let part = |wanted: bool, like: &Tensor, from: usize, count: usize| {
            if !wanted {
                return Ok(None);
            }
            let numbers = with_slice(grad, |grad| Ok(part_of_rows(grad, all, from, count)))?;
            Tensor::from_vec(numbers, like.shape(), grad.device()).map(Some)
        };
        let [first, second] = self.wanted;
        Ok((part(first, x, 0, self.channels)?, part(second, y, self.channels, self.others)?))
    }
}
