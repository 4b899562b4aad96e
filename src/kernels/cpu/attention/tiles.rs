//! Small products in the cache, and functions of rows of scores.

use crate::kernels::cpu::math::exp2;
use crate::kernels::host::aligned::Aligned;
use crate::kernels::simd::instructions::Simd;
use crate::kernels::simd::tile::Tile;

/// The queries in one block of scores. A block stays in the cache.
pub(super) const QUERIES: usize = 48;
/// The keys in one block of scores.
pub(super) const KEYS: usize = 256;

/// A product `C (rows, width) = A B (+ C)` in the cache. Row `r` of A starts at `a[r]` and has steps of `a_step`, the
/// rows of B are `b_step` apart, and row `r` of C starts at `c[r]`.
pub(super) struct Small<'a> {
    pub(super) a: &'a [*const f32],
    pub(super) a_step: usize,
    pub(super) depth: usize,
    pub(super) b: *const f32,
    pub(super) b_step: usize,
    pub(super) c: &'a [*mut f32],
    pub(super) width: usize,
    pub(super) accumulate: bool,
    /// Whether A and B hold pairs of bf16 numbers, `depth` of them.
    pub(super) pairs: bool,
}

/// Computes a product.
///
/// # Safety
/// All addresses must be valid, those of the rows of B up to a whole vector beyond `width`. The instructions of `S`
/// must exist.
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd>(m: &Small<'_>) {
    let rows = m.c.len();
    let pieces = rows.div_ceil(S::ROWS);
    for column in (0..m.width).step_by(2 * S::LANES) {
        for piece in 0..pieces {
            let (from, to) = (rows * piece / pieces, rows * (piece + 1) / pieces);
            let tile = Tile {
                rows: to - from,
                width: (m.width - column).min(2 * S::LANES),
                a: m.a[from..].as_ptr(),
                a_stride: 0,
                a_offset: 0,
                a_step: m.a_step,
                pairs: m.pairs,
                segments: 1,
                depth: m.depth,
                b: m.b.wrapping_add(column),
                b_step: m.b_step,
                c: m.c[from..].as_ptr(),
                c_offset: column,
                bias: std::ptr::null(),
                accumulate: m.accumulate,
            };
            // SAFETY: the caller's promise.
            unsafe { S::tile(&tile) };
        }
    }
}

/// Writes the scores of the queries `rows` with the keys `first..first + count` to rows of `KEYS` numbers. `keys` are
/// the transposed keys, with `dim` numbers or pairs each.
///
/// # Safety
/// The conditions of [`multiply`] hold.
#[inline(always)]
pub(super) unsafe fn scores<S: Simd>(
    rows: &[*const f32],
    keys: &Aligned,
    (dim, pairs): (usize, bool),
    first: usize,
    count: usize,
    to: &[*mut f32],
) {
    let width = 2 * S::LANES;
    let mut shifted = [std::ptr::null_mut(); QUERIES];
    for offset in (0..count).step_by(width) {
        let panel = &keys[(first + offset) / width * width * dim..][..width * dim];
        for (shifted, to) in shifted.iter_mut().zip(to) {
            *shifted = to.wrapping_add(offset);
        }
        let c = &shifted[..to.len()];
        // The columns beyond `count` are zeros from the padding. C has room for them.
        let (b, accumulate) = (panel.as_ptr(), false);
        let m = Small { a: rows, a_step: 1, depth: dim, b, b_step: width, c, width, accumulate, pairs };
        // SAFETY: the caller's promise; `first` is a multiple of KEYS and so of `width`.
        unsafe { multiply::<S>(&m) };
    }
}

/// The largest number of a row, found in interleaved chains that vectorise.
#[inline(always)]
pub(super) fn largest(row: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut chains = [f32::NEG_INFINITY; 16];
    let (parts, rest) = row.as_chunks::<16>();
    for part in parts {
        chains.iter_mut().zip(part).for_each(|(chain, &x)| *chain = larger(*chain, x));
    }
    rest.iter().fold(fold(chains, larger), |a, &b| larger(a, b))
}

/// Combines sixteen numbers to one, in four steps.
#[inline(always)]
fn fold(mut chains: [f32; 16], both: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            chains[i] = both(chains[i], chains[i + half]);
        }
    }
    chains[0]
}

/// Replaces every `x` with `2^(scale · x + shift)` and returns their sum, in interleaved chains that vectorise.
#[inline(always)]
pub(super) fn exponentials<S: Simd>(row: &mut [f32], scale: f32, shift: f32) -> f32 {
    let mut chains = [0f32; 16];
    let (parts, rest) = row.as_chunks_mut::<16>();
    for part in parts {
        for (x, chain) in part.iter_mut().zip(&mut chains) {
            *x = exp2::<S>(S::mul_add(*x, scale, shift));
            *chain += *x;
        }
    }
    let mut sum = fold(chains, |a, b| a + b);
    for x in rest {
        *x = exp2::<S>(S::mul_add(*x, scale, shift));
        sum += *x;
    }
    sum
}

/// `Σ a b`, in interleaved chains that vectorise.
#[inline(always)]
pub(super) fn dot<S: Simd>(a: &[f32], b: &[f32]) -> f32 {
    let mut chains = [0f32; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for ((chain, a), b) in chains.iter_mut().zip(a).zip(b) {
            *chain = S::mul_add(*a, *b, *chain);
        }
    }
    let mut sum = fold(chains, |a, b| a + b);
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum = S::mul_add(*a, *b, sum);
    }
    sum
}
