//! A LoRA layer, forward and backward. The layer and its correction are computed in one sweep over chunks of rows.

use rayon::prelude::*;

use super::outer::outer;
use super::product::{Start, matmul, multiply};
use crate::kernels::host::fresh::{Shared, written};
use crate::kernels::layers::linear::PackedLinear;
use crate::kernels::packed::panels::Panels;

/// The rows of one chunk. Their number is fixed because the gradients of the factors are sums over the chunks in order.
pub(crate) const ROWS: usize = 96;

/// A layer and its low-rank correction.
pub(crate) struct Factors<'a> {
    pub(crate) weight: &'a PackedLinear,
    /// A, `(rank, in)`.
    pub(crate) down: &'a [f32],
    /// B, `(out, rank)`.
    pub(crate) up: &'a [f32],
    pub(crate) rank: usize,
    pub(crate) scale: f32,
    /// The dropout mask, which has the size of the input.
    pub(crate) mask: Option<&'a [f32]>,
}

/// The gradients that were asked for.
pub(crate) struct Gradients {
    pub(crate) x: Option<Vec<f32>>,
    pub(crate) down: Option<Vec<f32>>,
    pub(crate) up: Option<Vec<f32>>,
}

/// Computes `W x + b + scale · B (A (mask ∘ x))` and `scale · A (mask ∘ x)` for all rows of `x`.
pub(crate) fn forward(f: &Factors<'_>, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (columns, out, rank) = (f.weight.forward().k, f.weight.forward().n, f.rank);
    let rows = x.len() / columns;
    let down = Panels::pack(rank, columns, |n, k| f.down[n * columns + k] * f.scale);
    let up = Panels::pack(out, rank, |n, k| f.up[n * rank + k]);
    let (down, up) = (down.view(), up.view());
    let mut hidden = vec![0f32; rows * rank];
    // If there are few chunks, the large product is cut along its columns, too. Its bits do not depend on the cut.
    let few = rows.div_ceil(ROWS) < 2 * rayon::current_num_threads();
    let weight = f.weight.forward();
    let mut work = |y: Shared| {
        hidden.par_chunks_mut(ROWS * rank).enumerate().for_each(|(chunk, hidden)| {
            let x = &x[chunk * ROWS * columns..][..hidden.len() / rank * columns];
            let y = y.offset(chunk * ROWS * out);
            // SAFETY: each chunk writes its own rows of `y` and `hidden`.
            unsafe {
                if !few {
                    multiply(x, weight, f.weight.bias().map_or(Start::Zero, Start::Bias), y, 0..weight.count());
                }
                multiply(&masked(f, chunk, x), down, Start::Zero, Shared::new(hidden), 0..down.count());
                multiply(hidden, up, Start::Keep, y, 0..up.count());
            }
        });
    };
    let y = if few {
        let mut y = matmul(x, weight, f.weight.bias());
        work(Shared::new(&mut y));
        y
    } else {
        // SAFETY: the first product of `work` writes all of `y`.
        unsafe { written(rows * out, work) }
    };
    (y, hidden)
}

/// Computes the gradient of `x` if `wants_x`, and the gradients of the factors if `hidden` from the forward pass is
/// given.
pub(crate) fn backward(f: &Factors<'_>, x: &[f32], hidden: Option<&[f32]>, grad: &[f32], wants_x: bool) -> Gradients {
    let (columns, out, rank) = (f.weight.forward().k, f.weight.forward().n, f.rank);
    let rows = x.len() / columns;
    let chunks = rows.div_ceil(ROWS);
    // dH = scale · dY B, then dX = dY W + mask ∘ (dH A).
    let up = Panels::pack(rank, out, |n, k| f.up[k * rank + n] * f.scale);
    let down = Panels::pack(columns, rank, |n, k| f.down[k * columns + n]);
    let (up, down) = (up.view(), down.view());
    let weight = wants_x.then(|| f.weight.backward());
    // The same choice as in the forward pass.
    let few = chunks < 2 * rayon::current_num_threads();
    // For each chunk, its part of the gradients of both factors, (rank, in) and (rank, out).
    let part = if hidden.is_some() { rank * (columns + out) } else { 0 };
    let mut parts = vec![0f32; chunks * part];
    let one = |chunk: usize, dx: Shared, part: &mut [f32]| {
        let from = chunk * ROWS;
        let to = rows.min(from + ROWS);
        let (x, grad) = (&x[from * columns..to * columns], &grad[from * out..to * out]);
        let mut dh = vec![0f32; (to - from) * rank];
        // SAFETY: each chunk writes its own rows of `dx`, `dh` and `correction`.
        unsafe {
            multiply(grad, up, Start::Zero, Shared::new(&mut dh), 0..up.count());
            if let Some(weight) = weight {
                let dx = dx.offset(from * columns);
                if !few {
                    multiply(grad, weight, Start::Zero, dx, 0..weight.count());
                }
                match f.mask {
                    None => multiply(&dh, down, Start::Keep, dx, 0..down.count()),
                    Some(mask) => {
                        let mut correction = vec![0f32; x.len()];
                        multiply(&dh, down, Start::Zero, Shared::new(&mut correction), 0..down.count());
                        let dx = std::slice::from_raw_parts_mut(dx.at(0), x.len());
                        let mask = &mask[from * columns..];
                        dx.iter_mut().zip(correction).zip(mask).for_each(|((dx, c), mask)| *dx += c * mask);
                    }
                }
            }
        }
        if let Some(hidden) = hidden {
            let (da, db) = part.split_at_mut(rank * columns);
            outer(&dh, &masked(f, chunk, x), rank, da);
            outer(&hidden[from * rank..to * rank], grad, rank, db);
        }
    };
    let all = |dx: Shared, parts: &mut [f32]| {
        if part == 0 {
            return (0..chunks).into_par_iter().for_each(|chunk| one(chunk, dx, &mut []));
        }
        parts.par_chunks_mut(part).enumerate().for_each(|(chunk, part)| one(chunk, dx, part));
    };
    let dx = match weight {
        Some(weight) if few => {
            let mut dx = matmul(grad, weight, None);
            all(Shared::new(&mut dx), &mut parts);
            dx
        }
        // SAFETY: the first product of `one` writes all rows of a chunk.
        Some(_) => unsafe { written(rows * columns, |dx| all(dx, &mut parts)) },
        None => {
            all(Shared::new(&mut []), &mut parts);
            Vec::new()
        }
    };

    let sums = hidden.map(|_| {
        let mut sum = vec![0f32; part];
        for part in parts.chunks_exact(part) {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let db = sum.split_off(rank * columns);
        let up: Vec<f32> = (0..out * rank).map(|i| db[(i % rank) * out + i / rank]).collect();
        (sum, up)
    });
    let (down, up) = sums.unzip();
    Gradients { x: wants_x.then_some(dx), down, up }
}

/// `mask ∘ x` of one chunk.
fn masked<'a>(f: &Factors<'_>, chunk: usize, x: &'a [f32]) -> std::borrow::Cow<'a, [f32]> {
    match f.mask {
        None => x.into(),
        Some(mask) => {
            let mask = &mask[chunk * ROWS * f.weight.forward().k..];
            x.iter().zip(mask).map(|(x, mask)| x * mask).collect::<Vec<_>>().into()
        }
    }
}
