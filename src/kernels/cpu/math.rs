//! Exponential and error functions in code that the compiler vectorises, accurate to about one unit in the last place.

use crate::kernels::simd::instructions::Simd;

/// Adding and subtracting 1.5·2²³ rounds to the nearest integer.
const ROUND: f32 = 12_582_912.;

/// `eˣ`; 0 below -87.3 and `e^88.3` above 88.3.
#[inline(always)]
pub(crate) fn exp<S: Simd>(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let inside = x.clamp(-87.3, 88.3);
    let shifted = S::mul_add(inside, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = S::mul_add(n, -LN2_LOW, S::mul_add(n, -LN2_HIGH, inside));
    // Cephes' expf.
    let mut p = S::mul_add(1.987_569_1e-4, r, 1.398_199_9e-3);
    p = S::mul_add(p, r, 8.333_452e-3);
    p = S::mul_add(p, r, 4.166_579_6e-2);
    p = S::mul_add(p, r, 1.666_666_5e-1);
    p = S::mul_add(p, r, 0.5);
    p = S::mul_add(p, r * r, r) + 1.;
    let power = f32::from_bits((shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23);
    if x < -87.3 { 0. } else { p * power }
}

/// `2ˣ`; `2⁻¹²⁶` below -126, `2¹²⁶` above 126, NaN for NaN. It is cheaper than [`exp`] and serves softmax, whose scores
/// can be scaled for powers of two.
#[inline(always)]
pub(crate) fn exp2<S: Simd>(x: f32) -> f32 {
    // Comparisons, so that NaN stays NaN.
    let x = if x < -126. { -126. } else { x };
    let x = if x > 126. { 126. } else { x };
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    // Minimax on -1/2..1/2 (Cephes' exp2f).
    let mut p = S::mul_add(1.535_336_2e-4, r, 1.339_887_4e-3);
    p = S::mul_add(p, r, 9.618_437e-3);
    p = S::mul_add(p, r, 5.550_332_5e-2);
    p = S::mul_add(p, r, 2.402_264_8e-1);
    p = S::mul_add(p, r, 6.931_472e-1);
    p = S::mul_add(p, r, 1.);
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3F80_0000))
}

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(x: f32) -> f32 {
    1. / (1. + exp::<S>(-x))
}

/// The error function, by [two polynomials of N. Juffa][juffa].
///
/// [juffa]: https://forums.developer.nvidia.com/t/optimized-version-of-single-precision-error-function-erff/40977
#[inline(always)]
pub(crate) fn erf<S: Simd>(x: f32) -> f32 {
    let t = x.abs();
    let s = x * x;
    let mut near = S::mul_add(-5.967_617e-4, s, 4.991_194_2e-3);
    near = S::mul_add(near, s, -2.676_813_5e-2);
    near = S::mul_add(near, s, 1.128_199_25e-1);
    near = S::mul_add(near, s, -3.761_253_4e-1);
    near = S::mul_add(near, s, 1.283_791_7e-1);
    near = S::mul_add(near, x, x);
    let mut far = S::mul_add(-1.728_534_7e-5, t, 3.831_971_3e-4);
    far = S::mul_add(far, s, S::mul_add(-3.883_964_4e-3, t, 2.425_462_2e-2));
    far = S::mul_add(far, t, -1.067_778_8e-1);
    far = S::mul_add(far, t, -6.348_467e-1);
    far = S::mul_add(far, t, -1.287_175_1e-1);
    far = S::mul_add(far, t, -t);
    far = (1. - exp::<S>(far)).copysign(x);
    if t > 0.927_734_4 { far } else { near }
}
