//! The operations that every instruction set has, and how to do the bf16 ones without bf16 instructions.

use half::bf16;

use super::tile::Tile;

/// One instruction set. The functions are `unsafe` because the instructions must exist on this machine; only
/// [`dispatch`](super::dispatch::dispatch) hands out an implementation, after checking.
pub(crate) trait Simd: Sized + 'static {
    type V: Copy;
    /// The numbers in a vector.
    const LANES: usize;
    /// The rows of a register tile. A tile is two vectors wide.
    const ROWS: usize;
    /// Whether [`Simd::dot`] is an instruction.
    const PAIRS: bool = false;

    /// Loads from any address with `LANES` readable numbers.
    unsafe fn load(from: *const f32) -> Self::V;
    /// Stores to any address with `LANES` writable numbers.
    unsafe fn store(to: *mut f32, v: Self::V);
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a · b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a · b + c` of single numbers, for loops that the compiler vectorises.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
    /// `c` plus the products of the two bf16 numbers in every lane of `a` and `b`.
    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: the caller's promise.
        unsafe { plain_dot::<Self>(a, b, c) }
    }
    /// Rounds `count` numbers to bf16.
    #[inline(always)]
    unsafe fn narrow(from: *const f32, to: *mut bf16, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { plain_narrow::<Self>(from, to, count) }
    }
    /// Rounds a vector to bf16.
    #[inline(always)]
    unsafe fn store_rounded(to: *mut bf16, v: Self::V) {
        // SAFETY: the caller's promise.
        unsafe { plain_store_rounded::<Self>(to, v) }
    }
    /// Rounds two rows of `count` numbers to bf16. Each place of `to` gets the two numbers of one column.
    #[inline(always)]
    unsafe fn pair_rows(low: *const f32, high: *const f32, to: *mut f32, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { plain_pair_rows::<Self>(low, high, to, count) }
    }
    /// Transposes 4 × 4 units of 2 × 2 bf16 numbers; rows of units are `step` units apart on both sides.
    #[inline(always)]
    unsafe fn turn_pairs_4x4(from: *const u64, to: *mut u64, step: usize) {
        for i in 0..4 {
            for j in 0..4 {
                // SAFETY: the caller owns the rows.
                unsafe {
                    let v = *from.add(i * step + j);
                    let middle = (v >> 16 & 0xFFFF_0000) | (v & 0xFFFF_0000) << 16;
                    *to.add(j * step + i) = v & 0xFFFF_0000_0000_FFFF | middle;
                }
            }
        }
    }
    /// Transposes 8 × 8 numbers; rows are `step` apart on both sides.
    unsafe fn transpose_8x8(from: *const f32, to: *mut f32, step: usize);
    /// Computes one register tile. It is not inlined.
    unsafe fn tile(t: &Tile);
}

/// Work that is compiled once per instruction set. `run` and all that it calls must be `#[inline(always)]`.
pub(crate) trait Task {
    type Output;
    fn run<S: Simd>(self) -> Self::Output;
}

/// [`Simd::dot`] without an instruction for it.
#[inline(always)]
pub(super) unsafe fn plain_dot<S: Simd>(a: S::V, b: S::V, c: S::V) -> S::V {
    let mut lanes = [[0f32; 16]; 3];
    // SAFETY: vectors have at most 16 lanes.
    unsafe {
        for (lanes, v) in lanes.iter_mut().zip([a, b, c]) {
            S::store(lanes.as_mut_ptr(), v);
        }
        let [a, b, mut c] = lanes;
        for (c, (a, b)) in c.iter_mut().zip(a.into_iter().zip(b)) {
            let [low, high] = [16, 0].map(|up| [a, b].map(|x| f32::from_bits(x.to_bits() << up & 0xFFFF_0000)));
            *c = S::mul_add(high[0], high[1], S::mul_add(low[0], low[1], *c));
        }
        S::load(c.as_ptr())
    }
}

/// [`Simd::narrow`] without an instruction for it.
#[inline(always)]
pub(super) unsafe fn plain_narrow<S: Simd>(from: *const f32, to: *mut bf16, count: usize) {
    for i in 0..count {
        // SAFETY: the caller owns the numbers.
        unsafe { *to.add(i) = bf16::from_f32(*from.add(i)) };
    }
}

/// [`Simd::store_rounded`] without an instruction for it.
#[inline(always)]
pub(super) unsafe fn plain_store_rounded<S: Simd>(to: *mut bf16, v: S::V) {
    let mut lanes = [0f32; 16];
    // SAFETY: vectors have at most 16 lanes; the caller owns `LANES` writable numbers.
    unsafe {
        S::store(lanes.as_mut_ptr(), v);
        plain_narrow::<S>(lanes.as_ptr(), to, S::LANES);
    }
}

/// [`Simd::pair_rows`] without an instruction for it.
#[inline(always)]
pub(super) unsafe fn plain_pair_rows<S: Simd>(low: *const f32, high: *const f32, to: *mut f32, count: usize) {
    for i in 0..count {
        // SAFETY: the caller owns the numbers.
        unsafe {
            let [low, high] = [low, high].map(|row| u32::from(bf16::from_f32(*row.add(i)).to_bits()));
            *to.add(i) = f32::from_bits(low | high << 16);
        }
    }
}
