//! Convolutions: the numbers that the kernel sees at a pixel form a row, which is multiplied with the weights.

use candle_core::{DType, Result, Tensor};

use super::address::{address, device};
use super::gemm::{Matrix, Sizes, multiply};
use super::launch::{Argument, Grid, int, launch, long};
use super::linear::start;
use super::output::{output, output_of};
use crate::kernels::layers::conv::geometry::{Geometry, ROWS_AT_ONCE};
use crate::kernels::layers::conv::layer::Conv2d;

/// See [`conv2d`](crate::kernels::conv2d()).
pub(crate) fn conv2d(x: &Tensor, w: &Conv2d) -> Result<Tensor> {
    let (x, g, layer) = (x.contiguous()?, w.geometry(x)?, w.clone());
    let shape = (g.batch, g.out_height, g.out_width, g.out_channels);
    let y = output_of([&x], shape, move |grad| {
        // The turned kernel sees the gradient with zeros between its pixels.
        let before = |kernel: usize, before: usize| kernel as i32 - 1 - before as i32;
        let view = View {
            spread: g.stride,
            top: before(g.kernel_height, g.top),
            left: before(g.kernel_width, g.left),
            geometry: Geometry { stride: 1, ..g.turned() },
        };
        let dx = output(grad, (g.batch, g.height, g.width, g.in_channels), grad.dtype())?;
        view.convolve(grad, &layer.turned_rows(grad.dtype())?, None, &dx)?;
        Ok([Some(dx)])
    })?;
    let view = View { spread: 1, top: g.top as i32, left: g.left as i32, geometry: g };
    view.convolve(&x, &w.rows(x.dtype())?, w.bias(x.dtype())?.as_ref(), &y)?;
    Ok(y)
}

/// How a kernel sees an image with `spread - 1` zeros between its pixels, and any number of zeros around them.
struct View {
    geometry: Geometry,
    spread: usize,
    /// Rows of zeros above. If it is negative, the kernel does not see the first rows.
    top: i32,
    left: i32,
}

impl View {
    /// How many numbers the kernel sees at a pixel.
    fn length(&self) -> usize {
        self.geometry.kernel_height * self.geometry.kernel_width * self.geometry.in_channels
    }

    /// Multiplies what the kernel sees of `x` with `weight` `(out, kernel height, kernel width, in)`, adds the bias,
    /// and writes the result to `y`.
    fn convolve(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, y: &Tensor) -> Result<()> {
        let (g, length) = (&self.geometry, self.length());
        let pixels = g.batch * g.out_height * g.out_width;
        let beta = start(y, bias)?;
        let (weights, results) = (Matrix::new(weight, length)?.turned(), Matrix::new(y, g.out_channels)?);
        let product = |rows: Matrix, first: usize, count: usize| {
            let sizes = Sizes { m: count, n: g.out_channels, k: length, count: 1 };
            // SAFETY: `rows` has `count` rows, and `y` has `pixels` rows, which include these.
            unsafe { multiply(device(x)?, sizes, 1., (rows, weights), beta, results.from(first * g.out_channels)) }
        };
        if (g.kernel_height, g.kernel_width, g.stride, self.spread, self.top, self.left) == (1, 1, 1, 1, 0, 0)
            && (g.height, g.width) == (g.out_height, g.out_width)
        {
            return product(Matrix::new(x, length)?, 0, pixels);
        }
        let most = (ROWS_AT_ONCE / (length * x.dtype().size_in_bytes())).max(1);
        for first in (0..pixels).step_by(most) {
            let count = most.min(pixels - first);
            let rows = self.windows(x, first, count)?;
            product(Matrix::new(&rows, length)?, first, count)?;
        }
        Ok(())
    }

    /// The numbers that the kernel sees at `count` pixels of the result, beginning with pixel `first`:
    /// `(count, kernel height · kernel width · in)`.
    fn windows(&self, x: &Tensor, first: usize, count: usize) -> Result<Tensor> {
        let (g, length, bytes) = (&self.geometry, self.length(), x.dtype().size_in_bytes());
        let rows = output(x, (count, length), x.dtype())?;
        // Sixteen bytes are copied at once if channels begin at multiples of sixteen bytes.
        let wide = (g.in_channels * bytes).is_multiple_of(16) && address(x)?.pointer.is_multiple_of(16);
        let (name, together) = match (wide, x.dtype()) {
            (true, _) => ("windows_128", 16 / bytes),
            (_, DType::BF16 | DType::F16) => ("windows_16", 1),
            _ => ("windows_32", 1),
        };
        let arguments = [
            address(x)?.into(),
            address(&rows)?.into(),
            int(g.in_channels / together)?,
            int(g.height)?,
            int(g.width)?,
            int(g.out_height)?,
            int(g.out_width)?,
            int(g.kernel_height)?,
            int(g.kernel_width)?,
            int(g.stride)?,
            int(self.spread)?,
            Argument::Int(self.top),
            Argument::Int(self.left),
            long(first),
            long(count),
        ];
        let grid = Grid::numbers(count * (length / together), 1);
        // SAFETY: each thread writes one number of the `count` rows; the kernel checks that it reads inside of `x`.
        unsafe { launch(device(x)?, name, grid, &arguments)? };
        Ok(rows)
    }
}
