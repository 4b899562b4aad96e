//! Layer normalisation, forward and backward.

use crate::kernels::host::fresh::filled;
use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};

/// The numbers in one piece of work.
const NUMBERS: usize = 1 << 13;

/// Normalises rows of `weight.len()` numbers.
pub(crate) fn forward(x: &[f32], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f32> {
    let piece = NUMBERS.div_ceil(weight.len()) * weight.len();
    filled(x.len(), piece, |start, y| dispatch(Rows { x: &x[start..][..y.len()], y, weight, bias, eps }))
}

/// The gradient of the argument of [`forward`].
pub(crate) fn backward(x: &[f32], weight: &[f32], eps: f32, grad: &[f32]) -> Vec<f32> {
    let piece = NUMBERS.div_ceil(weight.len()) * weight.len();
    filled(x.len(), piece, |start, dx| {
        let [x, grad] = [x, grad].map(|numbers| &numbers[start..][..dx.len()]);
        dispatch(RowsBackward { x, grad, dx, weight, eps });
    })
}

/// Sums `term(i)` for `i` in `0..count` in 16 interleaved chains, the same on every machine.
#[inline(always)]
fn sum(count: usize, term: impl Fn(usize) -> f32) -> f32 {
    const CHAINS: usize = 16;
    let mut chains = [0f32; CHAINS];
    let whole = count - count % CHAINS;
    for i in (0..whole).step_by(CHAINS) {
        for (j, chain) in chains.iter_mut().enumerate() {
            *chain += term(i + j);
        }
    }
    (whole..count).for_each(|i| chains[i - whole] += term(i));
    chains.iter().sum()
}

/// Mean and 1 / standard deviation of a row.
#[inline(always)]
fn row_statistics(x: &[f32], eps: f32) -> (f32, f32) {
    let count = x.len() as f32;
    let mean = sum(x.len(), |i| x[i]) / count;
    let variance = sum(x.len(), |i| (x[i] - mean) * (x[i] - mean)) / count;
    (mean, 1. / (variance + eps).sqrt())
}

struct Rows<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f32,
}

impl Task for Rows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.weight.len();
        for (y, x) in self.y.chunks_exact_mut(channels).zip(self.x.chunks_exact(channels)) {
            let (mean, rstd) = row_statistics(x, self.eps);
            for (((y, x), &weight), &bias) in y.iter_mut().zip(x).zip(self.weight).zip(self.bias) {
                *y = S::mul_add((x - mean) * rstd, weight, bias);
            }
        }
    }
}

struct RowsBackward<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    dx: &'a mut [f32],
    weight: &'a [f32],
    eps: f32,
}

impl Task for RowsBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (channels, weight) = (self.weight.len(), self.weight);
        let rows = self.dx.chunks_exact_mut(channels).zip(self.x.chunks_exact(channels));
        for ((dx, x), grad) in rows.zip(self.grad.chunks_exact(channels)) {
            let (mean, rstd) = row_statistics(x, self.eps);
            let grad = &grad[..channels];
            let mean_gradient = sum(channels, |i| grad[i] * weight[i]) / channels as f32;
            let product = sum(channels, |i| grad[i] * weight[i] * (x[i] - mean)) / channels as f32;
            let slope = -product * rstd * rstd;
            for (((dx, x), grad), weight) in dx.iter_mut().zip(x).zip(grad).zip(weight) {
                *dx = rstd * S::mul_add(x - mean, slope, grad * weight - mean_gradient);
            }
        }
    }
}
