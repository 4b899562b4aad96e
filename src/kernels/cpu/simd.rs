//! The vector instructions the kernels are written in, and the choice between them at run time.

use super::tile::{Tile, tile};

/// One instruction set. The functions are `unsafe` because the instructions must exist on this machine:
/// only [`dispatch`] hands out an implementation, after checking.
pub(crate) trait Simd: 'static {
    type V: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Rows of a register tile; it is two vectors wide.
    const ROWS: usize;

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
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx512() {
            // SAFETY: checked in the line above.
            return unsafe { x86::run_avx512(task) };
        }
        if has_avx2() {
            // SAFETY: checked in the line above.
            return unsafe { x86::run_avx2(task) };
        }
    }
    task.run::<Portable>()
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

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f") && has_avx2()
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Simd, Task, Tile, tile};

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn run_avx2<T: Task>(task: T) -> T::Output {
        task.run::<Avx2>()
    }

    #[target_feature(enable = "avx2,fma,avx512f")]
    pub(super) unsafe fn run_avx512<T: Task>(task: T) -> T::Output {
        task.run::<Avx512>()
    }

    /// 256-bit vectors with FMA: Haswell, Zen and later.
    pub(super) struct Avx2;

    // SAFETY (all blocks below): `Avx2` only comes out of `dispatch`, which checked for the instructions;
    // addresses are vouched for by the caller, as the trait says.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const ROWS: usize = 6;

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: __m256) {
            unsafe { _mm256_storeu_ps(to, v) }
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> __m256 {
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn mul_add(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
        #[inline(always)]
        unsafe fn transpose_8x8(from: *const f32, to: *mut f32, step: usize) {
            unsafe { transpose(from, to, step) }
        }
        unsafe fn tile(t: &Tile) {
            #[target_feature(enable = "avx2,fma")]
            unsafe fn inner(t: &Tile) {
                unsafe { tile::<Avx2>(t) }
            }
            unsafe { inner(t) }
        }
    }

    /// 512-bit vectors: Zen 4, Skylake-SP and later.
    pub(super) struct Avx512;

    // SAFETY: as for `Avx2`.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Simd for Avx512 {
        type V = __m512;
        const LANES: usize = 16;
        const ROWS: usize = 12;

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: __m512) {
            unsafe { _mm512_storeu_ps(to, v) }
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> __m512 {
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn mul_add(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
        #[inline(always)]
        unsafe fn transpose_8x8(from: *const f32, to: *mut f32, step: usize) {
            unsafe { transpose(from, to, step) }
        }
        unsafe fn tile(t: &Tile) {
            #[target_feature(enable = "avx2,fma,avx512f")]
            unsafe fn inner(t: &Tile) {
                unsafe { tile::<Avx512>(t) }
            }
            unsafe { inner(t) }
        }
    }

    /// Three rounds of exchanges: between neighbours, pairs, and halves.
    #[inline(always)]
    unsafe fn transpose(from: *const f32, to: *mut f32, step: usize) {
        // SAFETY: as for the implementations above.
        unsafe {
            let mut rows = [_mm256_setzero_ps(); 8];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = _mm256_loadu_ps(from.add(i * step));
            }
            let mut pairs = rows;
            for i in [0, 2, 4, 6] {
                pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
                pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
            }
            let mut fours = pairs;
            for i in [0, 4] {
                fours[i] = _mm256_shuffle_ps::<0b01_00_01_00>(pairs[i], pairs[i + 2]);
                fours[i + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(pairs[i], pairs[i + 2]);
                fours[i + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(pairs[i + 1], pairs[i + 3]);
                fours[i + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(pairs[i + 1], pairs[i + 3]);
            }
            for i in 0..4 {
                _mm256_storeu_ps(to.add(i * step), _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]));
                _mm256_storeu_ps(to.add((i + 4) * step), _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]));
            }
        }
    }
}
