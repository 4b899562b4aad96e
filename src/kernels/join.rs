//! Sums of feature maps, and feature maps side by side.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};

use super::cpu::join::{part_of_rows, side_by_side, sum, sum_of_rows};
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::linear::with_channels;
use super::recording::{Reads, apply2};
use super::{device, reference};

/// `x + y`, of the same shape.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if x.shape() != y.shape() {
        bail!("add: shapes {:?} and {:?} differ", x.dims(), y.dims());
    }
    if is_fast(x) && is_fast(y) {
        let op = Sum { repeated: 1, wanted: [x.track_op(), y.track_op()] };
        apply2(&x.contiguous()?, &y.contiguous()?, op, Reads::Shapes)
    } else {
        device::add(x, y)
    }
}

/// `x` `(batch, ..., channels)` plus `y` `(batch, channels)` at every pixel.
pub fn add_to_pixels(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (batch, channels) = y.dims2()?;
    let [first, between @ .., last] = x.dims() else { bail!("add to pixels: {:?} has no pixels", x.dims()) };
    if (*first, *last) != (batch, channels) {
        bail!("add to pixels: {:?} to {:?}", y.dims(), x.dims());
    }
    // The gradient of `y` would be a sum of its own; nobody needs it.
    if is_fast(x) && is_fast(y) && !y.track_op() {
        let op = Sum { repeated: between.iter().product(), wanted: [x.track_op(), false] };
        apply2(&x.contiguous()?, &y.contiguous()?, op, Reads::Shapes)
    } else if y.track_op() {
        reference::add_to_pixels(x, y)
    } else {
        device::add_to_pixels(x, y)
    }
}

/// The second argument is added to `repeated` rows of the first, of its last dimension each.
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

/// The channels of `x` followed by those of `y`; their other dimensions agree.
pub fn concatenate(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (channels, others) = (x.dim(D::Minus1)?, y.dim(D::Minus1)?);
    if with_channels(x.shape(), others) != *y.shape() {
        bail!("concatenate: channels of {:?} and {:?}", x.dims(), y.dims());
    }
    if is_fast(x) && is_fast(y) {
        let op = Concatenation { channels, others, wanted: [x.track_op(), y.track_op()] };
        apply2(&x.contiguous()?, &y.contiguous()?, op, Reads::Shapes)
    } else {
        device::concatenate(x, y)
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
