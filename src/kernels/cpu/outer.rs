//! The product `Aᵀ B` of two matrices with few columns each, for the gradients of LoRA factors.

use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};
use crate::kernels::simd::tile::Tile;

/// Adds `Aᵀ B` to `c` `(width, columns)` for `a` `(rows, width)` and `b` `(rows, columns)`, on this thread.
pub(crate) fn outer(a: &[f32], b: &[f32], width: usize, c: &mut [f32]) {
    let (rows, columns) = (a.len() / width, c.len() / width);
    assert!(a.len() == rows * width && b.len() == rows * columns, "the matrices of an outer product do not match");
    dispatch(Outer { a, b, rows, width, columns, c });
}

struct Outer<'a> {
    a: &'a [f32],
    b: &'a [f32],
    rows: usize,
    width: usize,
    columns: usize,
    c: &'a mut [f32],
}

impl Task for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { a, b, rows, width, columns, c } = self;
        let ends: Vec<*mut f32> = c.chunks_exact_mut(columns).map(<[f32]>::as_mut_ptr).collect();
        let starts: Vec<*const f32> = (0..width).map(|i| a.as_ptr().wrapping_add(i)).collect();
        let mut edge = Vec::new();
        for column in (0..columns).step_by(2 * S::LANES) {
            let tile_width = (columns - column).min(2 * S::LANES);
            let whole = tile_width % S::LANES == 0;
            if !whole {
                // The last columns are copied and padded, so that whole vectors can be read.
                edge.resize(rows * 2 * S::LANES, 0f32);
                for (to, from) in edge.chunks_exact_mut(2 * S::LANES).zip(b.chunks_exact(columns)) {
                    to[..tile_width].copy_from_slice(&from[column..]);
                }
            }
            for first in (0..width).step_by(S::ROWS) {
                let tile = Tile {
                    rows: S::ROWS.min(width - first),
                    width: tile_width,
                    a: starts[first..].as_ptr(),
                    a_stride: 0,
                    a_offset: 0,
                    a_step: width,
                    pairs: false,
                    segments: 1,
                    depth: rows,
                    b: if whole { b.as_ptr().wrapping_add(column) } else { edge.as_ptr() },
                    b_step: if whole { columns } else { 2 * S::LANES },
                    c: ends[first..].as_ptr(),
                    c_offset: column,
                    bias: std::ptr::null(),
                    accumulate: true,
                };
                // SAFETY: `outer` asserts the sizes; the last columns are read from the padded copy.
                unsafe { S::tile(&tile) };
            }
        }
    }
}
