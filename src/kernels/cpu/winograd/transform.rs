//! The one-dimensional transforms of data and results, on vectors of channels.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::kernels::simd::instructions::Simd;

/// `factor · a + b`
#[inline(always)]
fn fma<S: Simd>(factor: f32, a: S::V, b: S::V) -> S::V {
    // SAFETY: only tasks call this, and `dispatch` vouches for their `S`.
    unsafe { S::fma(S::splat(factor), a, b) }
}

#[inline(always)]
pub(super) fn add<S: Simd>(a: S::V, b: S::V) -> S::V {
    // SAFETY: as in `fma`.
    unsafe { S::add(a, b) }
}

#[inline(always)]
fn scale<S: Simd>(factor: f32, a: S::V) -> S::V {
    // SAFETY: as in `fma`.
    fma::<S>(factor, a, unsafe { S::splat(0.) })
}

/// The transforms of a row: `N` numbers in, `M` numbers out.
pub(super) trait Transform<const N: usize, const M: usize> {
    /// `Bᵀ d`, with the coefficients of `Π (x − other points)`.
    fn input<S: Simd>(d: [S::V; N]) -> [S::V; N];
    /// `Aᵀ m`, with the powers of the points.
    fn output<S: Simd>(m: [S::V; N]) -> [S::V; M];
}

/// The transforms for the points (0, 1, −1, ∞).
pub(super) struct Two;

impl Transform<4, 2> for Two {
    #[inline(always)]
    fn input<S: Simd>(d: [S::V; 4]) -> [S::V; 4] {
        [fma::<S>(-1., d[2], d[0]), add::<S>(d[1], d[2]), fma::<S>(-1., d[1], d[2]), fma::<S>(-1., d[3], d[1])]
    }

    #[inline(always)]
    fn output<S: Simd>(m: [S::V; 4]) -> [S::V; 2] {
        let difference = fma::<S>(-1., m[2], m[1]);
        [add::<S>(m[0], add::<S>(m[1], m[2])), fma::<S>(-1., m[3], difference)]
    }
}

/// The transforms for the points (0, 1/√2, −1/√2, √2, −√2, ∞).
pub(super) struct Four;

impl Transform<6, 4> for Four {
    #[inline(always)]
    fn input<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
        let even = [fma::<S>(-2., d[2], d[4]), fma::<S>(-0.5, d[2], d[4])];
        let odd = [fma::<S>(-2., d[1], d[3]), fma::<S>(-0.5, d[1], d[3])];
        [
            fma::<S>(-2.5, d[2], add::<S>(d[0], d[4])),
            fma::<S>(FRAC_1_SQRT_2, odd[0], even[0]),
            fma::<S>(-FRAC_1_SQRT_2, odd[0], even[0]),
            fma::<S>(SQRT_2, odd[1], even[1]),
            fma::<S>(-SQRT_2, odd[1], even[1]),
            fma::<S>(-2.5, d[3], add::<S>(d[1], d[5])),
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(m: [S::V; 6]) -> [S::V; 4] {
        let sum = [add::<S>(m[1], m[2]), add::<S>(m[3], m[4])];
        let difference = [fma::<S>(-1., m[2], m[1]), fma::<S>(-1., m[4], m[3])];
        [
            add::<S>(m[0], add::<S>(sum[0], sum[1])),
            fma::<S>(FRAC_1_SQRT_2, difference[0], scale::<S>(SQRT_2, difference[1])),
            fma::<S>(0.5, sum[0], scale::<S>(2., sum[1])),
            fma::<S>(0.5 * FRAC_1_SQRT_2, difference[0], fma::<S>(2. * SQRT_2, difference[1], m[5])),
        ]
    }
}
