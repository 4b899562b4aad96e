//! Sums of feature maps, and feature maps side by side.

use candle_core::{D, Result, Tensor, bail};

use super::address::{address, device};
use super::launch::{Grid, int, kernel, launch, long};
use super::output::{output, output_of};
use crate::kernels::layers::shape::with_channels;

/// See [`add`](crate::kernels::add).
pub(crate) fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (x, y) = (x.contiguous()?, y.to_dtype(x.dtype())?.contiguous()?);
    if x.shape() != y.shape() {
        bail!("add: {:?} and {:?}", x.shape(), y.shape());
    }
    let wanted = [x.track_op(), y.track_op()];
    let sum = output_of([&x, &y], x.shape(), move |grad| Ok(wanted.map(|wanted| wanted.then(|| grad.clone()))))?;
    add_rows(&x, &y, &sum, x.dim(D::Minus1)?)?;
    Ok(sum)
}

/// See [`add_to_pixels`](crate::kernels::add_to_pixels); the gradient goes to `x` only.
pub(crate) fn add_to_pixels(x: &Tensor, rows: &Tensor) -> Result<Tensor> {
    let (x, rows) = (x.contiguous()?, rows.to_dtype(x.dtype())?.contiguous()?);
    let y = output_of([&x], x.shape(), |grad| Ok([Some(grad.clone())]))?;
    add_rows(&x, &rows, &y, x.dim(D::Minus1)?)?;
    Ok(y)
}

/// `y = x + rows`. Rows have `channels` numbers; each of `rows` is added to the same number of rows of `x`, in order.
fn add_rows(x: &Tensor, rows: &Tensor, y: &Tensor, channels: usize) -> Result<()> {
    let count = x.elem_count();
    if rows.elem_count() == 0 || !count.is_multiple_of(rows.elem_count()) {
        bail!("add: {:?} to {:?}", rows.shape(), x.shape());
    }
    let repeated = int(count / rows.elem_count())?;
    let arguments =
        [address(x)?.into(), address(rows)?.into(), address(y)?.into(), long(count), repeated, int(channels)?];
    // SAFETY: each thread below `count` reads and writes the number of its place and reads one of its row.
    unsafe { launch(device(x)?, &kernel("add_rows", x.dtype()), Grid::numbers(count, 1), &arguments) }
}

/// See [`concatenate`](crate::kernels::concatenate).
pub(crate) fn concatenate(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (x, y) = (x.contiguous()?, y.to_dtype(x.dtype())?.contiguous()?);
    let (channels, others) = (x.dim(D::Minus1)?, y.dim(D::Minus1)?);
    if with_channels(x.shape(), others) != *y.shape() {
        bail!("concatenate: {:?} and {:?}", x.shape(), y.shape());
    }
    let count = x.elem_count() + y.elem_count();
    let parts = [(x.track_op(), 0, channels), (y.track_op(), channels, others)];
    let both = output_of([&x, &y], with_channels(x.shape(), channels + others), move |grad| {
        let [x, y] = parts.map(|(wanted, first, channels)| wanted.then(|| part(grad, first, channels)).transpose());
        Ok([x?, y?])
    })?;
    let arguments =
        [address(&x)?.into(), address(&y)?.into(), address(&both)?.into(), long(count), int(channels)?, int(others)?];
    // SAFETY: each thread below `count` writes its number and reads one number of `x` or `y`.
    unsafe { launch(device(&x)?, &kernel("concatenate", x.dtype()), Grid::numbers(count, 1), &arguments)? };
    Ok(both)
}

/// Some channels of `x`.
fn part(x: &Tensor, first: usize, channels: usize) -> Result<Tensor> {
    let y = output(x, with_channels(x.shape(), channels), x.dtype())?;
    let (count, all) = (y.elem_count(), x.dim(D::Minus1)?);
    let arguments = [address(x)?.into(), address(&y)?.into(), long(count), int(all)?, int(first)?, int(channels)?];
    // SAFETY: each thread below `count` writes its number and reads that of its row and channel.
    unsafe { launch(device(x)?, &kernel("part", x.dtype()), Grid::numbers(count, 1), &arguments)? };
    Ok(y)
}
