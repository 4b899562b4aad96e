//! Direct convolution: a matrix product that finds the rows of A by address. There is one address per output pixel and
//! kernel tap; it points into the feature map or, outside the map, at zeros.
//!
//! The gradient of the input is a convolution, too. With a stride, different taps reach different input pixels. The
//! pixels form `stride²` classes with equal taps, and each class is one product.

use std::ops::Range;

use super::product::{Product, Start, split};
use crate::kernels::host::fresh::{Shared, written};
use crate::kernels::layers::conv::geometry::Geometry;
use crate::kernels::packed::panels::Panels;
use crate::kernels::packed::view::View;

/// Convolves `(batch, height, width, in)` to `(batch, out height, out width, out)`.
pub(crate) fn forward(g: &Geometry, weight: View<'_>, start: Start<'_>, x: &[f32]) -> Vec<f32> {
    assert_eq!(x.len(), g.batch * g.height * g.width * g.in_channels, "the feature map has another size");
    let taps: Vec<(usize, usize)> =
        (0..g.kernel_height).flat_map(|y| (0..g.kernel_width).map(move |x| (y, x))).collect();
    let pixels = g.batch * g.out_height * g.out_width;
    let zeros = vec![0f32; g.in_channels];
    let work = |out: Shared, rows: Range<usize>, panels: Range<usize>| {
        let place = |row: usize| {
            let (image, pixel) = (row / (g.out_height * g.out_width), row % (g.out_height * g.out_width));
            (image, pixel / g.out_width, pixel % g.out_width)
        };
        let mut starts = Vec::with_capacity(taps.len() * rows.len());
        for &(ky, kx) in &taps {
            for row in rows.clone() {
                let (image, oy, ox) = place(row);
                // Outside the map these wrap around to huge numbers.
                let iy = (oy * g.stride + ky).wrapping_sub(g.top);
                let ix = (ox * g.stride + kx).wrapping_sub(g.left);
                starts.push(if iy < g.height && ix < g.width {
                    x[((image * g.height + iy) * g.width + ix) * g.in_channels..].as_ptr()
                } else {
                    zeros.as_ptr()
                });
            }
        }
        let ends: Vec<*mut f32> = rows.map(|row| out.at(row * g.out_channels)).collect();
        let product = Product { rows: &starts, rounded: false, channels: g.in_channels, b: weight, out: &ends, start };
        // SAFETY: every start is a whole pixel of `x` or `zeros`; `split` hands out disjoint parts of `y`.
        unsafe { product.run(panels) };
    };
    // SAFETY: `split` covers all pixels and channels.
    unsafe { written(pixels * g.out_channels, |out| split(pixels, weight, |rows, panels| work(out, rows, panels))) }
}

/// The input pixels with `(y + top) % stride == row` and `(x + left) % stride == column`, and the taps of the kernel
/// that reach them.
struct Class {
    row: usize,
    column: usize,
    taps: Vec<(usize, usize)>,
    /// The index in the weight at which the columns of each tap begin.
    columns: Vec<usize>,
}

impl Class {
    fn all(g: &Geometry) -> impl Iterator<Item = Self> {
        let classes = (0..g.stride).flat_map(|row| (0..g.stride).map(move |column| (row, column)));
        classes.map(|(row, column)| {
            let rows = (row..g.kernel_height).step_by(g.stride);
            let taps: Vec<(usize, usize)> =
                rows.flat_map(|y| (column..g.kernel_width).step_by(g.stride).map(move |x| (y, x))).collect();
            let columns = taps.iter().map(|(y, x)| (y * g.kernel_width + x) * g.in_channels).collect();
            Self { row, column, taps, columns }
        })
    }
}

/// Computes the gradient of the input from the gradient of the output. `weight` is that of [`forward`].
pub(crate) fn backward(g: &Geometry, weight: &Panels, grad: &[f32]) -> Vec<f32> {
    assert_eq!(grad.len(), g.batch * g.out_height * g.out_width * g.out_channels, "the gradient has another size");
    let mut dx = vec![0f32; g.batch * g.height * g.width * g.in_channels];
    let out = Shared::new(&mut dx);
    let zeros = vec![0f32; g.out_channels];
    for class in Class::all(g).filter(|class| !class.taps.is_empty()) {
        let weight = weight.transposed_blocks(g.in_channels, &class.columns);
        // The first input row and column of the class, and the number of both.
        let first = |class: usize, padding: usize| (class + g.stride - padding % g.stride) % g.stride;
        let (y0, x0) = (first(class.row, g.top), first(class.column, g.left));
        let (height, width) =
            (g.height.saturating_sub(y0).div_ceil(g.stride), g.width.saturating_sub(x0).div_ceil(g.stride));
        let place = |row: usize| {
            let (image, pixel) = (row / (height * width), row % (height * width));
            (image, y0 + pixel / width * g.stride, x0 + pixel % width * g.stride)
        };
        split(g.batch * height * width, weight, |rows, panels| {
            let mut starts = Vec::with_capacity(class.taps.len() * rows.len());
            for &(ky, kx) in &class.taps {
                for row in rows.clone() {
                    let (image, iy, ix) = place(row);
                    // Multiples of the stride, or wrapped around to huge numbers.
                    let oy = (iy + g.top).wrapping_sub(ky) / g.stride;
                    let ox = (ix + g.left).wrapping_sub(kx) / g.stride;
                    starts.push(if iy + g.top >= ky && ix + g.left >= kx && oy < g.out_height && ox < g.out_width {
                        grad[((image * g.out_height + oy) * g.out_width + ox) * g.out_channels..].as_ptr()
                    } else {
                        zeros.as_ptr()
                    });
                }
            }
            let pixel = |row| {
                let (image, iy, ix) = place(row);
                out.at(((image * g.height + iy) * g.width + ix) * g.in_channels)
            };
            let ends: Vec<*mut f32> = rows.map(pixel).collect();
            let (channels, b) = (g.out_channels, weight);
            let product = Product { rows: &starts, rounded: false, channels, b, out: &ends, start: Start::Zero };
            // SAFETY: every start is a whole pixel of `grad` or `zeros`; classes and parts are disjoint in `dx`.
            unsafe { product.run(panels) };
        });
    }
    dx
}
