//! Doubling height and width by repeating pixels.

use candle_core::{Result, Tensor};

use super::address::{address, device};
use super::launch::{Grid, int, kernel, launch, long};
use super::output::{output, output_of};

/// See [`upsample_nearest_2x`](crate::kernels::upsample_nearest_2x).
pub(crate) fn upsample_nearest_2x(x: &Tensor, (to_height, to_width): (usize, usize)) -> Result<Tensor> {
    let x = x.contiguous()?;
    let (batch, height, width, channels) = x.dims4()?;
    let resize = move |kernel_name: &str, from: &Tensor, to: &Tensor| {
        let arguments = [
            address(from)?.into(),
            address(to)?.into(),
            long(to.elem_count()),
            int(height)?,
            int(width)?,
            int(to_height)?,
            int(to_width)?,
            int(channels)?,
        ];
        let grid = Grid::numbers(to.elem_count(), 1);
        // SAFETY: each thread writes its number; the public function has checked the sizes, so that it reads within
        // `from`.
        unsafe { launch(device(from)?, &kernel(kernel_name, from.dtype()), grid, &arguments) }
    };
    let y = output_of([&x], (batch, to_height, to_width, channels), move |grad| {
        let dx = output(grad, (batch, height, width, channels), grad.dtype())?;
        resize("upsample_backward", grad, &dx)?;
        Ok([Some(dx)])
    })?;
    resize("upsample", &x, &y)?;
    Ok(y)
}
