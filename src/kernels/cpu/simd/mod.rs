//! The vector instructions the kernels are written in, and the choice between them at run time.

use half::bf16;

use super::tile::{Tile, tile};
#[cfg(target_arch = "x86_64")]
use level::Level;
use level::level;

mod level;
mod plain;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use level::UnknownInstructions;
pub(crate) use level::available;

/// One instruction set. The functions are `unsafe` because the instructions must exist on this machine:
/// only [`dispatch`] hands out an implementation, after checking.
pub(crate) trait Simd: Sized + 'static {
    type V: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Rows of a register tile; it is two vectors wide.
    const ROWS: usize;
    /// Whether [`Simd::dot`] is an instruction.
    const PAIRS: bool = false;

    /// Any address with `LANES` readable numbers.
    unsafe fn load(from: *const f32) -> Self::V;
    /// Any address with `LANES` writable numbers.
    unsafe fn store(to: *mut f32, v: Self::V);
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a · b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a · b + c` of single numbers, for loops the compiler vectorises.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
    /// `c` plus the products of the two bf16 numbers in every lane of `a` and `b`.
    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: the caller's promise.
        unsafe { plain::dot::<Self>(a, b, c) }
    }
    /// Rounds `count` numbers to bf16.
    #[inline(always)]
    unsafe fn narrow(from: *const f32, to: *mut bf16, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { plain::narrow::<Self>(from, to, count) }
    }
    /// Rounds a vector to bf16.
    #[inline(always)]
    unsafe fn store_rounded(to: *mut bf16, v: Self::V) {
        // SAFETY: the caller's promise.
        unsafe { plain::store_rounded::<Self>(to, v) }
    }
    /// Rounds two rows of `count` numbers to bf16 and puts the numbers above each other into one place.
    #[inline(always)]
    unsafe fn pair_rows(low: *const f32, high: *const f32, to: *mut f32, count: usize) {
        // SAFETY: the caller's promise.
        unsafe { plain::pair_rows::<Self>(low, high, to, count) }
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
    /// Computes one register tile; not inlined.
    unsafe fn tile(t: &Tile);
}

/// Work that is compiled once per instruction set. `run` and what it calls must be `#[inline(always)]`.
pub(crate) trait Task {
    type Output;
    fn run<S: Simd>(self) -> Self::Output;
}

/// Runs `task` with the best instructions this machine has.
pub(crate) fn dispatch<T: Task>(task: T) -> T::Output {
    match level() {
        // SAFETY: `level` found the instructions on this machine.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512Bf16 => unsafe { x86::run_avx512_bf16(task) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::run_avx512(task) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::run_avx2(task) },
        _ => task.run::<Portable>(),
    }
}

/// Asks for the cache line of an address that is needed soon. Any address will do: nothing is read.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which cannot fault; every x86-64 has the instruction.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_ET0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Columns of a register tile on this machine, the width of packed panels.
pub(crate) fn tile_width() -> usize {
    struct Width;
    impl Task for Width {
        type Output = usize;
        #[inline(always)]
        fn run<S: Simd>(self) -> usize {
            2 * S::LANES
        }
    }
    dispatch(Width)
}

/// Whether this machine multiplies pairs of bf16 numbers.
pub(crate) fn multiplies_pairs() -> bool {
    struct Pairs;
    impl Task for Pairs {
        type Output = bool;
        #[inline(always)]
        fn run<S: Simd>(self) -> bool {
            S::PAIRS
        }
    }
    dispatch(Pairs)
}

/// Plain Rust that the compiler may vectorise: aarch64's NEON, x86 without AVX2.
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
        // Without the instruction `f32::mul_add` is a slow library call.
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
        unsafe { tile::<Self>(t) }
    }
}
