//! The instruction set of machines without a faster one.

use super::instructions::Simd;
use super::multiply_tile::multiply_tile;
use super::tile::Tile;

/// Plain Rust, which the compiler may vectorise: for NEON of aarch64, and for x86 without AVX2.
pub(crate) struct Portable;

impl Simd for Portable {
    type V = [f32; 8];
    const LANES: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 8] {
        // SAFETY: the caller owns `LANES` readable numbers there.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: [f32; 8]) {
        // SAFETY: the caller owns `LANES` writable numbers there.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 8] {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| Self::mul_add(a[i], b[i], c[i]))
    }
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        // Without an instruction for it, `f32::mul_add` is a slow library call.
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
    }
    #[inline(always)]
    unsafe fn transpose_8x8(from: *const f32, to: *mut f32, step: usize) {
        for i in 0..8 {
            for j in 0..8 {
                // SAFETY: the caller owns the rows.
                unsafe { *to.add(j * step + i) = *from.add(i * step + j) };
            }
        }
    }
    unsafe fn tile(t: &Tile) {
        // SAFETY: needs no special instructions; the caller vouches for the tile's addresses.
        unsafe { multiply_tile::<Self>(t) }
    }
}
