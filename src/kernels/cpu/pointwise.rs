//! Pointwise non-linearities. Forward and backward take one pass each.

use std::f32::consts::FRAC_1_SQRT_2;
use std::marker::PhantomData;

use rayon::prelude::*;

use super::math::{erf, exp, sigmoid};
use crate::kernels::host::fresh::filled;
use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};

/// The numbers that one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// A function of one number and its derivative. Both must be `#[inline(always)]`.
pub(crate) trait Pointwise: Send + Sync + 'static {
    fn value<S: Simd>(x: f32) -> f32;
    fn slope<S: Simd>(x: f32) -> f32;
}

/// `x σ(x)`.
pub(crate) struct Silu;
/// `x Φ(x)`.
pub(crate) struct Gelu;
/// `x σ(1.702 x)`.
pub(crate) struct QuickGelu;

impl Pointwise for Silu {
    #[inline(always)]
    fn value<S: Simd>(x: f32) -> f32 {
        x * sigmoid::<S>(x)
    }
    #[inline(always)]
    fn slope<S: Simd>(x: f32) -> f32 {
        let s = sigmoid::<S>(x);
        s * S::mul_add(x, 1. - s, 1.)
    }
}

impl Pointwise for Gelu {
    #[inline(always)]
    fn value<S: Simd>(x: f32) -> f32 {
        0.5 * x * (1. + erf::<S>(x * FRAC_1_SQRT_2))
    }
    #[inline(always)]
    fn slope<S: Simd>(x: f32) -> f32 {
        const DENSITY_AT_0: f32 = 0.398_942_3;
        let density = DENSITY_AT_0 * exp::<S>(-0.5 * x * x);
        S::mul_add(x, density, 0.5 * (1. + erf::<S>(x * FRAC_1_SQRT_2)))
    }
}

impl Pointwise for QuickGelu {
    #[inline(always)]
    fn value<S: Simd>(x: f32) -> f32 {
        x * sigmoid::<S>(1.702 * x)
    }
    #[inline(always)]
    fn slope<S: Simd>(x: f32) -> f32 {
        let s = sigmoid::<S>(1.702 * x);
        s * S::mul_add(1.702 * x, 1. - s, 1.)
    }
}

/// `f(x)`.
pub(crate) fn map<F: Pointwise>(x: &[f32]) -> Vec<f32> {
    filled(x.len(), CHUNK, |start, y| dispatch(Map::<F> { x: &x[start..][..y.len()], y, f: PhantomData }))
}

/// `f'(x) · grad`.
pub(crate) fn map_backward<F: Pointwise>(x: &[f32], grad: &[f32]) -> Vec<f32> {
    let mut dx = grad.to_vec();
    dx.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .for_each(|(dx, x)| dispatch(MapBackward::<F> { x, dx, f: PhantomData }));
    dx
}

struct Map<'a, F> {
    x: &'a [f32],
    y: &'a mut [f32],
    f: PhantomData<F>,
}

impl<F: Pointwise> Task for Map<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = F::value::<S>(x);
        }
    }
}

struct MapBackward<'a, F> {
    x: &'a [f32],
    dx: &'a mut [f32],
    f: PhantomData<F>,
}

impl<F: Pointwise> Task for MapBackward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for (dx, &x) in self.dx.iter_mut().zip(self.x) {
            *dx *= F::slope::<S>(x);
        }
    }
}

/// Maps rows `(2 · channels)` to rows `(channels)`: the first half times the GELU of the second half.
pub(crate) fn geglu_forward(x: &[f32], channels: usize) -> Vec<f32> {
    let piece = CHUNK.next_multiple_of(channels);
    filled(x.len() / 2, piece, |start, y| dispatch(Geglu { x: &x[2 * start..][..2 * y.len()], y, channels }))
}

/// The gradient of the argument of [`geglu_forward`].
pub(crate) fn geglu_backward(x: &[f32], grad: &[f32], channels: usize) -> Vec<f32> {
    let piece = CHUNK.next_multiple_of(channels);
    filled(x.len(), 2 * piece, |start, dx| {
        let (x, grad) = (&x[start..][..dx.len()], &grad[start / 2..][..dx.len() / 2]);
        dispatch(GegluBackward { x, grad, dx, channels });
    })
}

struct Geglu<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    channels: usize,
}

impl Task for Geglu<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for (y, x) in self.y.chunks_exact_mut(self.channels).zip(self.x.chunks_exact(2 * self.channels)) {
            let (value, gate) = x.split_at(self.channels);
            for ((y, value), &gate) in y.iter_mut().zip(value).zip(gate) {
                *y = value * Gelu::value::<S>(gate);
            }
        }
    }
}

struct GegluBackward<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    dx: &'a mut [f32],
    channels: usize,
}

impl Task for GegluBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.channels;
        let rows = self.dx.chunks_exact_mut(2 * channels).zip(self.x.chunks_exact(2 * channels));
        for ((dx, x), grad) in rows.zip(self.grad.chunks_exact(channels)) {
            let (value, gate) = x.split_at(channels);
            let (dvalue, dgate) = dx.split_at_mut(channels);
            // There are two loops because one loop with both functions is not vectorised.
            for ((dvalue, &gate), grad) in dvalue.iter_mut().zip(gate).zip(grad) {
                *dvalue = grad * Gelu::value::<S>(gate);
            }
            for (((dgate, value), &gate), grad) in dgate.iter_mut().zip(value).zip(gate).zip(grad) {
                *dgate = grad * value * Gelu::slope::<S>(gate);
            }
        }
    }
}
