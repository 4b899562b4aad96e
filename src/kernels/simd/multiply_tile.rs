//! The computation of a register tile, which all matrix products are made of.

use super::instructions::Simd;
use super::prefetch::prefetch;
use super::tile::Tile;

/// The most columns that any instruction set uses.
const MAX_WIDTH: usize = 32;

/// Computes one register tile.
///
/// # Safety
/// The instructions of `S` must exist, all addresses described by `t` must be valid, and C must not be aliased.
#[inline(always)]
pub(super) unsafe fn multiply_tile<S: Simd>(t: &Tile) {
    macro_rules! rows {
        ($($n:literal)*) => {
            match t.rows {
                // The usual step is a constant: with both cases in one inlined body, LLVM spilled the sums in every
                // iteration. The price is 96 bodies for each instruction set, which the compiler must work through.
                // SAFETY: the caller's promise.
                $($n if $n <= S::ROWS => unsafe {
                    match (t.width > S::LANES, t.a_step == 1, t.pairs) {
                        (true, true, true) => body::<S, $n, 2, true, true>(t),
                        (true, false, true) => body::<S, $n, 2, false, true>(t),
                        (false, true, true) => body::<S, $n, 1, true, true>(t),
                        (false, false, true) => body::<S, $n, 1, false, true>(t),
                        (true, true, false) => body::<S, $n, 2, true, false>(t),
                        (true, false, false) => body::<S, $n, 2, false, false>(t),
                        (false, true, false) => body::<S, $n, 1, true, false>(t),
                        (false, false, false) => body::<S, $n, 1, false, false>(t),
                    }
                },)*
                rows => debug_assert!(rows == 0, "a tile of {rows} rows"),
            }
        };
    }
    rows!(1 2 3 4 5 6 7 8 9 10 11 12);
}

#[inline(always)]
unsafe fn body<S: Simd, const ROWS: usize, const VECTORS: usize, const UNIT: bool, const PAIRS: bool>(t: &Tile) {
    // SAFETY: the promise of `multiply_tile`, for every address below.
    unsafe {
        let full = t.width == VECTORS * S::LANES;
        if full {
            // The rows of C lie far apart, so only a prefetch brings them in time.
            for r in 0..ROWS {
                for j in 0..VECTORS {
                    prefetch((*t.c.add(r)).add(t.c_offset + j * S::LANES));
                }
            }
        }
        let mut start = [S::splat(0.); VECTORS];
        if !t.bias.is_null() {
            for (j, v) in start.iter_mut().enumerate() {
                *v = S::load(t.bias.add(j * S::LANES));
            }
        }
        let mut sum = [start; ROWS];
        let mut b = t.b;
        for segment in 0..t.segments {
            let mut a = [std::ptr::null::<f32>(); ROWS];
            for (r, start) in a.iter_mut().enumerate() {
                *start = (*t.a.add(segment * t.a_stride + r)).add(t.a_offset);
            }
            steps::<S, ROWS, VECTORS, PAIRS>(&mut sum, &a, if UNIT { 1 } else { t.a_step }, &mut b, t);
        }
        // Each case has loops of its own. They are unrolled, and the sums stay in registers.
        if full && t.accumulate {
            for (r, row) in sum.iter().enumerate() {
                let c = (*t.c.add(r)).add(t.c_offset);
                for (j, &v) in row.iter().enumerate() {
                    S::store(c.add(j * S::LANES), S::add(v, S::load(c.add(j * S::LANES))));
                }
            }
        } else if full {
            for (r, row) in sum.iter().enumerate() {
                let c = (*t.c.add(r)).add(t.c_offset);
                for (j, &v) in row.iter().enumerate() {
                    S::store(c.add(j * S::LANES), v);
                }
            }
        } else {
            let mut edge = [[0f32; MAX_WIDTH]; ROWS];
            for (edge, row) in edge.iter_mut().zip(&sum) {
                for (j, &v) in row.iter().enumerate() {
                    S::store(edge.as_mut_ptr().add(j * S::LANES), v);
                }
            }
            for (r, row) in edge.iter().enumerate() {
                let c = (*t.c.add(r)).add(t.c_offset);
                for (j, &x) in row[..t.width].iter().enumerate() {
                    *c.add(j) = if t.accumulate { *c.add(j) + x } else { x };
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn steps<S: Simd, const ROWS: usize, const VECTORS: usize, const PAIRS: bool>(
    sum: &mut [[S::V; VECTORS]; ROWS],
    a: &[*const f32; ROWS],
    step: usize,
    b: &mut *const f32,
    t: &Tile,
) {
    // SAFETY: the promise of `multiply_tile`.
    unsafe {
        for k in 0..t.depth {
            let mut columns = [S::splat(0.); VECTORS];
            for (j, v) in columns.iter_mut().enumerate() {
                *v = S::load(b.add(j * S::LANES));
            }
            for r in 0..ROWS {
                let x = S::splat(*a[r].add(k * step));
                for j in 0..VECTORS {
                    sum[r][j] = if PAIRS { S::dot(x, columns[j], sum[r][j]) } else { S::fma(x, columns[j], sum[r][j]) };
                }
            }
            *b = b.add(t.b_step);
        }
    }
}
