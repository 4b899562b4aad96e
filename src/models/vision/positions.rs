//! The positions of another number of patches than a transformer was trained with.

use candle_core::{Device, Result, Tensor};

use crate::picture::{Filter, taps};

/// How the published models resize their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resampling {
    /// `torch.nn.functional.interpolate(mode="bicubic")`: four neighbours with a = -0.75.
    Bicubic,
    /// The same with `antialias=True`: as PIL, with a = -0.5 and a wider reach when there are fewer patches.
    Antialiased,
}

/// One output position: source positions (an edge may come twice) and their weights.
type Taps = Vec<(usize, f64)>;

impl Resampling {
    fn taps(self, source: usize, resized: usize, at: usize) -> Taps {
        match self {
            Self::Antialiased => {
                let (first, weights) = taps(Filter::Bicubic, source, resized, at);
                weights.into_iter().enumerate().map(|(i, weight)| (first + i, weight)).collect()
            }
            Self::Bicubic => {
                let place = (at as f64 + 0.5) * source as f64 / resized as f64 - 0.5;
                let (first, t) = (place.floor(), place - place.floor());
                let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
                let inside = |i: usize| (first + i as f64 - 1.0).clamp(0.0, source as f64 - 1.0) as usize;
                weights.into_iter().enumerate().map(|(i, weight)| (inside(i), weight)).collect()
            }
        }
    }
}

const A: f64 = -0.75;

/// The cubic of a distance of at most 1.
fn near(x: f64) -> f64 {
    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
}

/// The cubic of a distance between 1 and 2.
fn far(x: f64) -> f64 {
    ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
}

/// Resizes `positions` `(from · from, width)`, f32, to `(height · width of the grid, width)`.
///
/// # Errors
/// A device without room.
pub(super) fn resized(
    positions: &Tensor,
    from: usize,
    (height, width): (usize, usize),
    how: Resampling,
) -> Result<Tensor> {
    if (height, width) == (from, from) {
        return Ok(positions.clone());
    }
    let channels = positions.dim(1)?;
    let numbers = positions.flatten_all()?.to_vec1::<f32>()?;
    let columns: Vec<Taps> = (0..width).map(|x| how.taps(from, width, x)).collect();
    let mut out = Vec::with_capacity(height * width * channels);
    let mut sums = vec![0f64; channels];
    for y in 0..height {
        let rows = how.taps(from, height, y);
        for column in &columns {
            sums.fill(0.0);
            for (row, vertical) in &rows {
                for (place, horizontal) in column {
                    let token = &numbers[(row * from + place) * channels..][..channels];
                    let weight = vertical * horizontal;
                    sums.iter_mut().zip(token).for_each(|(sum, x)| *sum += weight * f64::from(*x));
                }
            }
            out.extend(sums.iter().map(|sum| *sum as f32));
        }
    }
    Tensor::from_vec(out, (height * width, channels), &Device::Cpu)?.to_device(positions.device())
}
