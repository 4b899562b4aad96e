//! Forward and backward of a LoRA layer, both paths in one sweep over chunks of rows.

use rayon::prelude::*;

use super::panels::Panels;
use super::product::{Product, Start, matmul, outer};
use crate::kernels::linear::PackedLinear;

/// Rows of one chunk. Fixed, because the gradients of the factors are sums over chunks in order.
const ROWS: usize = 96;

/// A layer and its low-rank correction.
pub(crate) struct Factors<'a> {
    pub(crate) weight: &'a PackedLinear,
    /// A, `(rank, in)`.
    pub(crate) down: &'a [f32],
    /// B, `(out, rank)`.
    pub(crate) up: &'a [f32],
    pub(crate) rank: usize,
    pub(crate) scale: f32,
    /// Same size as the input.
    pub(crate) mask: Option<&'a [f32]>,
}

/// What was asked for of the gradients.
pub(crate) struct Gradients {
    pub(crate) x: Option<Vec<f32>>,
    pub(crate) down: Option<Vec<f32>>,
    pub(crate) up: Option<Vec<f32>>,
}

/// `W x + b + scale · B (A (mask ∘ x))` and `scale · A (mask ∘ x)` for all rows of `x`.
pub(crate) fn forward(f: &Factors<'_>, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (columns, out, rank) = (f.weight.forward().k, f.weight.forward().n, f.rank);
    let rows = x.len() / columns;
    let down = Panels::pack(rank, columns, |n, k| f.down[n * columns + k] * f.scale);
    let up = Panels::pack(out, rank, |n, k| f.up[n * rank + k]);
    let mut y = vec![0f32; rows * out];
    let mut hidden = vec![0f32; rows * rank];
    // With few chunks the large product is cut along its columns too; its bits do not depend on the cut.
    let few = rows.div_ceil(ROWS) < 2 * rayon::current_num_threads();
    if few {
        matmul(x, f.weight.forward(), f.weight.start(), &mut y);
    }
    y.par_chunks_mut(ROWS * out).zip(hidden.par_chunks_mut(ROWS * rank)).enumerate().for_each(
        |(chunk, (y, hidden))| {
            let x = &x[chunk * ROWS * columns..][..y.len() / out * columns];
            multiply(x, f.weight.forward(), f.weight.start(), y);
            multiply(&masked(f, chunk, x), &down, Start::Zero, hidden);
            multiply(hidden, &up, Start::Keep, y);
        },
    );
    (y, hidden)
}

/// The gradients towards `x` (if `wants_x`) and towards the factors (if `hidden`, from the forward pass, is given).
pub(crate) fn backward(f: &Factors<'_>, x: &[f32], hidden: Option<&[f32]>, grad: &[f32], wants_x: bool) -> Gradients {
    let (columns, out, rank) = (f.weight.forward().k, f.weight.forward().n, f.rank);
    let rows = x.len() / columns;
    let chunks = rows.div_ceil(ROWS);
    // dH = scale · dY B, then dX = dY W + mask ∘ (dH A).
    let up = Panels::pack(rank, out, |n, k| f.up[k * rank + n] * f.scale);
    let down = Panels::pack(columns, rank, |n, k| f.down[k * columns + n]);
    let weight = wants_x.then(|| f.weight.backward());
    let mut dx = vec![0f32; if wants_x { rows * columns } else { 0 }];
    let few = chunks < 2 * rayon::current_num_threads();
    if let Some(weight) = weight
        && few
    {
        matmul(grad, weight, Start::Zero, &mut dx);
    }
    // Per chunk the two factors' parts, (rank, in) and (rank, out).
    let part = if hidden.is_some() { rank * (columns + out) } else { 0 };
    let mut parts = vec![0f32; chunks * part];
    let one = |chunk: usize, dx: &mut [f32], part: &mut [f32]| {
        let from = chunk * ROWS;
        let to = rows.min(from + ROWS);
        let (x, grad) = (&x[from * columns..to * columns], &grad[from * out..to * out]);
        let mut dh = vec![0f32; (to - from) * rank];
        multiply(grad, &up, Start::Zero, &mut dh);
        if let Some(weight) = weight {
            if !few {
                multiply(grad, weight, Start::Zero, dx);
            }
            match f.mask {
                None => multiply(&dh, &down, Start::Keep, dx),
                Some(mask) => {
                    let mut correction = vec![0f32; dx.len()];
                    multiply(&dh, &down, Start::Zero, &mut correction);
                    let mask = &mask[from * columns..];
                    dx.iter_mut().zip(correction).zip(mask).for_each(|((dx, c), mask)| *dx += c * mask);
                }
            }
        }
        if let Some(hidden) = hidden {
            let (da, db) = part.split_at_mut(rank * columns);
            outer(&dh, &masked(f, chunk, x), rank, da);
            outer(&hidden[from * rank..to * rank], grad, rank, db);
        }
    };
    // Slices of zero length cannot be chunked, so both optional outputs are cut by hand.
    let mut work: Vec<(usize, &mut [f32], &mut [f32])> = Vec::with_capacity(chunks);
    let (mut dx_rest, mut parts_rest) = (dx.as_mut_slice(), parts.as_mut_slice());
    for chunk in 0..chunks {
        let size = if wants_x { (rows - chunk * ROWS).min(ROWS) * columns } else { 0 };
        let (dx, rest) = dx_rest.split_at_mut(size);
        let (part_of, parts) = parts_rest.split_at_mut(part);
        (dx_rest, parts_rest) = (rest, parts);
        work.push((chunk, dx, part_of));
    }
    work.into_par_iter().for_each(|(chunk, dx, part)| one(chunk, dx, part));

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

/// `C = A Bᵀ + start` on this thread.
fn multiply(a: &[f32], b: &Panels, start: Start<'_>, c: &mut [f32]) {
    let rows: Vec<*const f32> = a.chunks_exact(b.k).map(<[f32]>::as_ptr).collect();
    let out: Vec<*mut f32> = c.chunks_exact_mut(b.n).map(<[f32]>::as_mut_ptr).collect();
    assert_eq!(rows.len(), out.len(), "a product of mismatched matrices");
    let product = Product { rows: &rows, channels: b.k, b, out: &out, start };
    // SAFETY: rows have `b.k` numbers, outputs `b.n`, and `c` is borrowed mutably.
    unsafe { product.run(0..b.count()) };
}
