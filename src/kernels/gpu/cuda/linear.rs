//! Fully connected layers, with and without a low-rank correction.

use candle_core::{DType, Result, Tensor};

use super::address::{address, device};
use super::gemm::{Matrix, Sizes, multiply, rows_times};
use super::launch::{Grid, int, kernel, launch, long};
use super::output::{output, output_of};
use crate::kernels::layers::linear::Linear;
use crate::kernels::layers::lora::LoraPair;
use crate::kernels::layers::shape::with_channels;

/// Writes the bias, if there is one, to every row of `y`. Returns the factor of `y` for adding a product to it.
pub(super) fn start(y: &Tensor, bias: Option<&Tensor>) -> Result<f32> {
    let Some(row) = bias else { return Ok(0.) };
    let (count, channels) = (y.elem_count(), row.elem_count());
    let row = row.contiguous()?;
    let arguments = [address(y)?.into(), address(&row)?.into(), long(count), int(channels)?];
    // SAFETY: each thread below `count` writes its number of `y` and reads one of `channels`.
    unsafe { launch(device(y)?, &kernel("fill_rows", y.dtype()), Grid::numbers(count, 1), &arguments)? };
    Ok(1.)
}

/// The weight `(out, in)` in `dtype`. Integers are widened to new memory, which is freed after the product.
fn weight(w: &Linear, dtype: DType) -> Result<Tensor> {
    let Some(int8) = w.int8_weight() else { return w.weight(dtype)?.contiguous() };
    let (integers, factors) = (int8.integers.contiguous()?, int8.factors.contiguous()?);
    let wide = output(&integers, integers.shape(), dtype)?;
    let (count, columns) = (integers.elem_count(), w.in_features());
    let arguments =
        [address(&integers)?.into(), address(&factors)?.into(), address(&wide)?.into(), long(count), int(columns)?];
    // SAFETY: each thread below `count` reads an integer and the factor of its row of `columns`, and writes a number.
    unsafe { launch(device(&wide)?, &kernel("widen_int8", dtype), Grid::numbers(count, 1), &arguments)? };
    Ok(wide)
}

/// Writes `x Wᵀ` plus the bias to `y`.
fn apply(x: &Tensor, w: &Linear, weight: &Tensor, y: &Tensor) -> Result<()> {
    let beta = start(y, w.bias(x.dtype())?.as_ref())?;
    rows_times(1., x, weight, true, beta, y, (w.in_features(), w.out_features()))
}

/// See [`linear`](crate::kernels::linear()).
pub(crate) fn linear(x: &Tensor, w: &Linear) -> Result<Tensor> {
    let (x, own) = (x.contiguous()?, weight(w, x.dtype())?);
    let (columns, out) = (w.in_features(), w.out_features());
    let (back, shape) = (w.clone(), x.shape().clone());
    let y = output_of([&x], with_channels(x.shape(), out), move |grad| {
        let dx = output(grad, &shape, grad.dtype())?;
        rows_times(1., grad, &weight(&back, grad.dtype())?, false, 0., &dx, (out, columns))?;
        Ok([Some(dx)])
    })?;
    apply(&x, w, &own, &y)?;
    Ok(y)
}

/// See [`lora_linear`](crate::kernels::lora_linear).
pub(crate) fn lora_linear(x: &Tensor, w: &Linear, lora: &LoraPair) -> Result<Tensor> {
    let (x, own) = (x.contiguous()?, weight(w, x.dtype())?);
    let (columns, out, rank, scale) = (w.in_features(), w.out_features(), lora.down.dim(0)?, lora.scale as f32);
    let factor = |f: &Tensor| f.detach().to_dtype(x.dtype())?.contiguous();
    let (down, up) = (factor(&lora.down)?, factor(&lora.up)?);
    let mask = match &lora.dropout_mask {
        Some(mask) => Some(mask.detach().reshape(x.shape())?.to_dtype(x.dtype())?.contiguous()?),
        None => None,
    };
    let masked = match &mask {
        Some(mask) => (x.detach() * mask)?,
        None => x.detach(),
    };
    let hidden = output(&x, with_channels(x.shape(), rank), x.dtype())?;
    rows_times(1., &masked, &down, true, 0., &hidden, (columns, rank))?;

    let kept = hidden.clone();
    let (back, up_again, shape) = (w.clone(), up.clone(), x.shape().clone());
    let dtypes = [lora.down.dtype(), lora.up.dtype()];
    let wanted = [x.track_op(), lora.down.track_op(), lora.up.track_op()];
    let y = output_of([&x, &lora.down, &lora.up], with_channels(x.shape(), out), move |grad| {
        let by_hidden = output(grad, kept.shape(), grad.dtype())?;
        rows_times(scale, grad, &up_again, false, 0., &by_hidden, (out, rank))?;
        let by_x = || {
            let dx = output(grad, &shape, grad.dtype())?;
            rows_times(1., grad, &weight(&back, grad.dtype())?, false, 0., &dx, (out, columns))?;
            let Some(mask) = &mask else {
                rows_times(1., &by_hidden, &down, false, 1., &dx, (rank, columns))?;
                return Ok(dx);
            };
            let correction = output(grad, &shape, grad.dtype())?;
            rows_times(1., &by_hidden, &down, false, 0., &correction, (rank, columns))?;
            dx + (correction * mask)?
        };
        Ok([
            wanted[0].then(by_x).transpose()?,
            wanted[1].then(|| outer(1., &by_hidden, &masked, (rank, columns))?.to_dtype(dtypes[0])).transpose()?,
            wanted[2].then(|| outer(scale, grad, &kept, (out, rank))?.to_dtype(dtypes[1])).transpose()?,
        ])
    })?;
    apply(&x, w, &own, &y)?;
    rows_times(scale, &hidden, &up, true, 1., &y, (rank, out))?;
    Ok(y)
}

/// `scale · aᵀ b`, `(m, n)` f32. Rows of `a` have `m` numbers, rows of `b` have `n`.
fn outer(scale: f32, a: &Tensor, b: &Tensor, (m, n): (usize, usize)) -> Result<Tensor> {
    let y = output(a, (m, n), DType::F32)?;
    let sizes = Sizes { m, n, k: a.elem_count() / m, count: 1 };
    // SAFETY: both have k rows of their length.
    unsafe {
        multiply(device(a)?, sizes, scale, (Matrix::new(a, m)?.turned(), Matrix::new(b, n)?), 0., Matrix::new(&y, n)?)?;
    }
    Ok(y)
}
