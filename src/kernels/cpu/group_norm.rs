//! Group normalisation, forward and backward.

use candle_core::Shape;
use rayon::prelude::*;

use super::pointwise::{Pointwise, Silu};
use crate::kernels::host::fresh::filled_in;
use crate::kernels::layers::activation::Activation;
use crate::kernels::layers::norm::GroupNorm;
use crate::kernels::layers::statistics::GroupStatistics;
use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};

/// The pixels in one piece of a group normalisation. Their number is fixed because the statistics are sums over the
/// pieces in order.
const PIXELS: usize = 256;

/// The sizes and constants of a group normalisation of `(batch, pixels, channels)`.
#[derive(Clone, Copy)]
pub(crate) struct Groups<'a> {
    pub(crate) pixels: usize,
    pub(crate) groups: usize,
    pub(crate) eps: f32,
    pub(crate) silu: bool,
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
}

impl<'a> Groups<'a> {
    /// The sizes of a normalisation of a tensor `(batch, ..., channels)`.
    pub(crate) fn of(norm: &'a GroupNorm, shape: &Shape, act: Activation) -> Self {
        let GroupNorm { affine, groups, eps } = norm;
        let image: usize = shape.dims().iter().skip(1).product();
        Self {
            pixels: image / affine.channels(),
            groups: *groups,
            eps: *eps as f32,
            silu: act == Activation::Silu,
            weight: affine.weight_numbers(),
            bias: affine.bias_numbers(),
        }
    }

    fn channels(&self) -> usize {
        self.weight.len()
    }

    /// Adds the numbers of the channels of each group, and divides by the count of numbers in a group.
    fn group_means(&self, per_channel: &[f64]) -> Vec<f32> {
        let size = self.channels() / self.groups;
        let count = (size * self.pixels) as f64;
        per_channel.chunks_exact(size).map(|c| (c.iter().sum::<f64>() / count) as f32).collect()
    }

    fn group(&self, channel: usize) -> usize {
        channel / (self.channels() / self.groups)
    }

    /// 1 / standard deviation of the groups of one image.
    fn rstd(&self, statistics: &GroupStatistics, image: usize) -> Vec<f32> {
        let variance = &statistics.variance[image * self.groups..][..self.groups];
        variance.iter().map(|v| 1. / (v + self.eps).sqrt()).collect()
    }
}

/// The statistics of `x`.
pub(crate) fn statistics(n: &Groups<'_>, x: &[f32]) -> GroupStatistics {
    let channels = n.channels();
    let no_shift = vec![0f32; channels];
    let mut all = GroupStatistics::default();
    for x in x.chunks_exact(n.pixels * channels) {
        let mean = n.group_means(&sums(x, &no_shift, Power::One));
        let centre: Vec<f32> = (0..channels).map(|c| mean[n.group(c)]).collect();
        all.variance.extend(n.group_means(&sums(x, &centre, Power::Two)));
        all.mean.extend(mean);
    }
    all
}

/// Normalises `x` by `statistics`, which are its own or those of another tensor.
pub(crate) fn forward(n: &Groups<'_>, x: &[f32], statistics: &GroupStatistics) -> Vec<f32> {
    let channels = n.channels();
    let image = n.pixels * channels;
    let (mut scales, mut shifts) = (Vec::new(), Vec::new());
    for b in 0..x.len() / image {
        let (mean, rstd) = (&statistics.mean[b * n.groups..][..n.groups], n.rstd(statistics, b));
        for c in 0..channels {
            let scale = n.weight[c] * rstd[n.group(c)];
            scales.push(scale);
            shifts.push(n.bias[c] - scale * mean[n.group(c)]);
        }
    }
    let piece = PIXELS * channels;
    let of_image = |b: usize| (0..image).step_by(piece).map(move |i| b * image + i..b * image + image.min(i + piece));
    let pieces: Vec<_> = (0..x.len() / image).flat_map(of_image).collect();
    filled_in(pieces, |start, y| {
        let b = start / image;
        let (scale, shift) = (&scales[b * channels..][..channels], &shifts[b * channels..][..channels]);
        dispatch(Scale { x: &x[start..][..y.len()], y, scale, shift, silu: n.silu });
    })
}

/// The gradient of the argument of [`forward`].
pub(crate) fn backward(n: &Groups<'_>, x: &[f32], statistics: &GroupStatistics, grad: &[f32]) -> Vec<f32> {
    let channels = n.channels();
    let image = n.pixels * channels;
    let mut dx = vec![0f32; x.len()];
    let images = dx.par_chunks_mut(image).zip(x.par_chunks(image)).zip(grad.par_chunks(image)).enumerate();
    images.for_each(|(b, ((dx, x), grad))| {
        let mean = &statistics.mean[b * n.groups..][..n.groups];
        let rstd = n.rstd(statistics, b);
        let scale: Vec<f32> = (0..channels).map(|c| n.weight[c] * rstd[n.group(c)]).collect();
        let shift: Vec<f32> = (0..channels).map(|c| n.bias[c] - scale[c] * mean[n.group(c)]).collect();
        let centre: Vec<f32> = (0..channels).map(|c| mean[n.group(c)]).collect();
        // First, the gradient before the activation is written to `dx`, and its sums over the pixels are taken.
        let parts: Vec<Vec<f32>> = dx
            .par_chunks_mut(PIXELS * channels)
            .zip(x.par_chunks(PIXELS * channels))
            .zip(grad.par_chunks(PIXELS * channels))
            .map(|((dz, x), grad)| {
                let mut sums = vec![0f32; 2 * channels];
                let [scale, shift, centre] = [&scale, &shift, &centre].map(Vec::as_slice);
                dispatch(BeforeActivation { x, grad, dz, scale, shift, centre, sums: &mut sums, silu: n.silu });
                sums
            })
            .collect();
        let total = add_up(&parts, 2 * channels);
        let weigh = |sums: &[f64]| -> Vec<f64> { sums.iter().zip(n.weight).map(|(s, w)| s * f64::from(*w)).collect() };
        let mean_gradient = n.group_means(&weigh(&total[..channels]));
        let mean_product = n.group_means(&weigh(&total[channels..]));
        // dx = scale · dz − rstd · (mean gradient + (x − mean) · rstd² · mean product).
        let slope: Vec<f32> = (0..channels)
            .map(|c| {
                let g = n.group(c);
                -(rstd[g] * rstd[g] * rstd[g]) * mean_product[g]
            })
            .collect();
        let offset: Vec<f32> = (0..channels)
            .map(|c| {
                let g = n.group(c);
                -rstd[g] * mean_gradient[g] - slope[c] * mean[g]
            })
            .collect();
        dx.par_chunks_mut(PIXELS * channels)
            .zip(x.par_chunks(PIXELS * channels))
            .for_each(|(dx, x)| dispatch(Combine { dx, x, scale: &scale, slope: &slope, offset: &offset }));
    });
    dx
}

#[derive(Clone, Copy)]
enum Power {
    One,
    Two,
}

/// For each channel, the sum of `(x - centre)` to a power over all pixels.
fn sums(x: &[f32], centre: &[f32], power: Power) -> Vec<f64> {
    let channels = centre.len();
    let parts: Vec<Vec<f32>> = x
        .par_chunks(PIXELS * channels)
        .map(|x| {
            let mut sums = vec![0f32; channels];
            dispatch(Sums { x, centre, sums: &mut sums, power });
            sums
        })
        .collect();
    add_up(&parts, channels)
}

/// Adds the parts in order.
fn add_up(parts: &[Vec<f32>], length: usize) -> Vec<f64> {
    let mut total = vec![0f64; length];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += f64::from(*p));
    }
    total
}

struct Sums<'a> {
    x: &'a [f32],
    centre: &'a [f32],
    sums: &'a mut [f32],
    power: Power,
}

impl Task for Sums<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for x in self.x.chunks_exact(self.centre.len()) {
            let all = self.sums.iter_mut().zip(x).zip(self.centre);
            match self.power {
                Power::One => all.for_each(|((sum, x), centre)| *sum += x - centre),
                Power::Two => all.for_each(|((sum, x), centre)| {
                    let d = x - centre;
                    *sum = S::mul_add(d, d, *sum);
                }),
            }
        }
    }
}

/// `y = act(x · scale + shift)`.
struct Scale<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    silu: bool,
}

impl Task for Scale<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.scale.len();
        for (y, x) in self.y.chunks_exact_mut(channels).zip(self.x.chunks_exact(channels)) {
            let all = y.iter_mut().zip(x).zip(self.scale).zip(self.shift);
            if self.silu {
                all.for_each(|(((y, &x), &a), &b)| *y = Silu::value::<S>(S::mul_add(x, a, b)));
            } else {
                all.for_each(|(((y, &x), &a), &b)| *y = S::mul_add(x, a, b));
            }
        }
    }
}

/// `dz = grad · act'(x · scale + shift)`, and for each channel the sums of `dz` and of `dz · (x - centre)`.
struct BeforeActivation<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    dz: &'a mut [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    centre: &'a [f32],
    sums: &'a mut [f32],
    silu: bool,
}

impl Task for BeforeActivation<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.scale.len();
        let (first, second) = self.sums.split_at_mut(channels);
        let rows = self.dz.chunks_exact_mut(channels).zip(self.x.chunks_exact(channels));
        for ((dz, x), grad) in rows.zip(self.grad.chunks_exact(channels)) {
            if self.silu {
                let all = dz.iter_mut().zip(x).zip(grad).zip(self.scale).zip(self.shift);
                all.for_each(|((((dz, &x), grad), &a), &b)| *dz = grad * Silu::slope::<S>(S::mul_add(x, a, b)));
            } else {
                dz.copy_from_slice(grad);
            }
            let all = first.iter_mut().zip(second.iter_mut()).zip(&*dz).zip(x).zip(self.centre);
            all.for_each(|((((first, second), &dz), x), centre)| {
                *first += dz;
                *second = S::mul_add(dz, x - centre, *second);
            });
        }
    }
}

/// `dx = dx · scale + x · slope + offset`.
struct Combine<'a> {
    dx: &'a mut [f32],
    x: &'a [f32],
    scale: &'a [f32],
    slope: &'a [f32],
    offset: &'a [f32],
}

impl Task for Combine<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.scale.len();
        for (dx, x) in self.dx.chunks_exact_mut(channels).zip(self.x.chunks_exact(channels)) {
            let all = dx.iter_mut().zip(x).zip(self.scale).zip(self.slope).zip(self.offset);
            all.for_each(|((((dx, &x), &a), &b), &c)| *dx = S::mul_add(*dx, a, S::mul_add(x, b, c)));
        }
    }
}
