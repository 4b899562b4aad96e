//! Non-linearities.

use candle_core::{D, Result, Tensor};

use super::address::{address, device};
use super::launch::{Grid, int, kernel, launch, long};
use super::output::{output, output_of};
use crate::kernels::layers::shape::with_channels;

/// See [`silu`](crate::kernels::silu).
pub(crate) fn silu(x: &Tensor) -> Result<Tensor> {
    unary(x, "silu", "silu_backward")
}

/// See [`gelu_erf`](crate::kernels::gelu_erf).
pub(crate) fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    unary(x, "gelu", "gelu_backward")
}

/// See [`quick_gelu`](crate::kernels::quick_gelu).
pub(crate) fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    unary(x, "quick_gelu", "quick_gelu_backward")
}

fn unary(x: &Tensor, forward: &str, backward: &'static str) -> Result<Tensor> {
    let x = x.contiguous()?;
    let (grid, argument) = (Grid::numbers(x.elem_count(), 1), x.detach());
    let y = output_of([&x], x.shape(), move |grad| {
        let x = &argument;
        let dx = output(x, x.shape(), x.dtype())?;
        let arguments = [address(x)?.into(), address(grad)?.into(), address(&dx)?.into(), long(x.elem_count())];
        // SAFETY: each thread below the number of numbers writes its own.
        unsafe { launch(device(x)?, &kernel(backward, x.dtype()), grid, &arguments)? };
        Ok([Some(dx)])
    })?;
    let arguments = [address(&x)?.into(), address(&y)?.into(), long(x.elem_count())];
    // SAFETY: as above.
    unsafe { launch(device(&x)?, &kernel(forward, x.dtype()), grid, &arguments)? };
    Ok(y)
}

/// See [`geglu`](crate::kernels::geglu).
pub(crate) fn geglu(x: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    let channels = x.dim(D::Minus1)? / 2;
    let (count, argument) = (x.elem_count() / 2, x.detach());
    let y = output_of([&x], with_channels(x.shape(), channels), move |grad| {
        let x = &argument;
        let dx = output(x, x.shape(), x.dtype())?;
        let arguments = [address(x)?.into(), address(grad)?.into(), address(&dx)?.into(), long(count), int(channels)?];
        // SAFETY: each thread below `count` writes its two numbers of `dx`.
        unsafe {
            launch(device(x)?, &kernel("geglu_backward", x.dtype()), Grid::numbers(count, 1), &arguments)?;
        }
        Ok([Some(dx)])
    })?;
    let arguments = [address(&x)?.into(), address(&y)?.into(), long(count), int(channels)?];
    // SAFETY: each thread below `count` writes its number of `y` and reads two of `x`.
    unsafe { launch(device(&x)?, &kernel("geglu", x.dtype()), Grid::numbers(count, 1), &arguments)? };
    Ok(y)
}
