//! x86: AVX2, AVX-512, and AVX-512 with bf16.

use std::arch::x86_64::*;

use half::bf16;

use super::instructions::{Simd, Task, plain_dot, plain_narrow, plain_pair_rows, plain_store_rounded};
use super::multiply_tile::multiply_tile;
use super::tile::Tile;

#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run_avx2<T: Task>(task: T) -> T::Output {
    task.run::<Avx2>()
}

#[target_feature(enable = "avx2,fma,avx512f")]
pub(super) unsafe fn run_avx512<T: Task>(task: T) -> T::Output {
    task.run::<Avx512<false>>()
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn run_avx512_bf16<T: Task>(task: T) -> T::Output {
    task.run::<Avx512<true>>()
}

/// 256-bit vectors with FMA: Haswell, Zen and later.
pub(super) struct Avx2;

// SAFETY (all blocks below): only `dispatch` hands `Avx2` out, after checking for the instructions; the caller vouches
// for addresses, as the trait says.
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
            unsafe { multiply_tile::<Avx2>(t) }
        }
        unsafe { inner(t) }
    }
}

/// 512-bit vectors: Skylake-SP and later. With products of bf16 pairs: Zen 4, Cooper Lake and later.
pub(super) struct Avx512<const BF16: bool>;

// SAFETY: as for `Avx2`.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<const BF16: bool> Simd for Avx512<BF16> {
    type V = __m512;
    const LANES: usize = 16;
    const ROWS: usize = 12;
    const PAIRS: bool = BF16;

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
    #[inline(always)]
    unsafe fn dot(a: __m512, b: __m512, c: __m512) -> __m512 {
        if !BF16 {
            return unsafe { plain_dot::<Self>(a, b, c) };
        }
        unsafe {
            _mm512_dpbf16_ps(c, std::mem::transmute::<__m512, __m512bh>(a), std::mem::transmute::<__m512, __m512bh>(b))
        }
    }
    #[inline(always)]
    unsafe fn narrow(from: *const f32, to: *mut bf16, count: usize) {
        if !BF16 {
            return unsafe { plain_narrow::<Self>(from, to, count) };
        }
        unsafe {
            let whole = count / 16 * 16;
            let mut i = 0;
            while i < whole {
                Self::store_rounded(to.add(i), Self::load(from.add(i)));
                i += 16;
            }
            if whole < count {
                let mask = (1u16 << (count - whole)) - 1;
                let narrow = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from.add(whole)));
                let narrow = _mm512_castsi256_si512(std::mem::transmute::<__m256bh, __m256i>(narrow));
                _mm512_mask_storeu_epi16(to.add(whole).cast(), u32::from(mask), narrow);
            }
        }
    }
    #[inline(always)]
    unsafe fn store_rounded(to: *mut bf16, v: __m512) {
        if !BF16 {
            return unsafe { plain_store_rounded::<Self>(to, v) };
        }
        unsafe { _mm256_storeu_si256(to.cast(), std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(v))) }
    }
    #[inline(always)]
    unsafe fn pair_rows(low: *const f32, high: *const f32, to: *mut f32, count: usize) {
        if !BF16 {
            return unsafe { plain_pair_rows::<Self>(low, high, to, count) };
        }
        unsafe {
            let mut i = 0;
            while i < count {
                let mask = if count - i < 16 { (1u16 << (count - i)) - 1 } else { u16::MAX };
                let low = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, low.add(i)));
                let high = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, high.add(i)));
                let low = _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(low));
                let high = _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(high));
                let both = _mm512_or_si512(low, _mm512_slli_epi32::<16>(high));
                _mm512_mask_storeu_ps(to.add(i), mask, _mm512_castsi512_ps(both));
                i += 16;
            }
        }
    }
    #[inline(always)]
    unsafe fn turn_pairs_4x4(from: *const u64, to: *mut u64, step: usize) {
        unsafe {
            // The two middle numbers of every unit of four change places.
            let swap = _mm256_setr_epi8(
                0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15, 0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14,
                15,
            );
            let mut rows = [_mm256_setzero_si256(); 4];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = _mm256_shuffle_epi8(_mm256_loadu_si256(from.add(i * step).cast()), swap);
            }
            let low = [_mm256_unpacklo_epi64(rows[0], rows[1]), _mm256_unpacklo_epi64(rows[2], rows[3])];
            let high = [_mm256_unpackhi_epi64(rows[0], rows[1]), _mm256_unpackhi_epi64(rows[2], rows[3])];
            let turned = [
                _mm256_permute2x128_si256::<0x20>(low[0], low[1]),
                _mm256_permute2x128_si256::<0x20>(high[0], high[1]),
                _mm256_permute2x128_si256::<0x31>(low[0], low[1]),
                _mm256_permute2x128_si256::<0x31>(high[0], high[1]),
            ];
            for (i, row) in turned.into_iter().enumerate() {
                _mm256_storeu_si256(to.add(i * step).cast(), row);
            }
        }
    }
    unsafe fn tile(t: &Tile) {
        #[target_feature(enable = "avx2,fma,avx512f")]
        unsafe fn plain(t: &Tile) {
            unsafe { multiply_tile::<Avx512<false>>(t) }
        }
        #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512bf16")]
        unsafe fn pairs(t: &Tile) {
            unsafe { multiply_tile::<Avx512<true>>(t) }
        }
        unsafe { if BF16 { pairs(t) } else { plain(t) } }
    }
}

/// Transposes 8 × 8 numbers in three rounds of exchanges: between neighbours, pairs, and halves.
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
