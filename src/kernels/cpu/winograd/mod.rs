//! 3×3 convolutions with stride 1 by Winograd's minimal filtering: tiles of `m × m` output pixels are multiplied as
//! `(m+2)²` independent matrices instead of summing nine products per pixel: 2.25 (m = 2) or 4 (m = 4) times fewer
//! multiplications (Lavin & Gray 2015, <https://arxiv.org/abs/1509.09308>).
//!
//! `y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A` for a tile `d` of `(m+2)²` pixels and a kernel `g`. For m = 4 the interpolation points are
//! (0, ±1/√2, ±√2, ∞): their rounding error is about a third of that of the usual (0, ±1, ±2, ∞).

mod tiles;
mod transform;
mod weight;

use rayon::prelude::*;

use super::aligned::Aligned;
use super::conv::Geometry;
use super::product::{Product, SERIAL, Shared, Start, written};
use super::simd::dispatch;
use tiles::{Input, Output, Place};
pub(crate) use weight::{Filter, Weight};

/// Bytes of scratch for one piece of work.
const SCRATCH: usize = 1 << 21;
/// Bytes of the largest kernel transformed for m = 4: it grows to 4 times its size, for m = 2 to 1.8 times.
const LARGEST: usize = 64 << 20;
/// Fewer channels are not worth the transforms.
const SMALLEST: usize = 16;
/// Numbers between the positions of a chunk.
const SKEW: usize = 16;

/// Output pixels in a row of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// F(2×2, 3×3): 16 products.
    Two,
    /// F(4×4, 3×3): 36 products.
    Four,
}

impl Size {
    /// The fastest size for kernels `(out, in, 3, 3)` with a stride of 1, and at most 2 rows and columns of padding on each side.
    pub(crate) fn choose(out_channels: usize, in_channels: usize, half_precision: bool) -> Option<Self> {
        if out_channels.min(in_channels) < SMALLEST {
            return None;
        }
        // F(4×4) would lose two of the eight bits of bf16.
        let large = 4 * Self::Four.input().pow(2) * in_channels * out_channels > LARGEST;
        Some(if large || half_precision { Self::Two } else { Self::Four })
    }

    /// Output pixels in a row of a tile.
    pub(crate) const fn output(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Input pixels in a row of a tile.
    pub(crate) const fn input(self) -> usize {
        self.output() + 2
    }
}

/// `(batch, height, width, in)` to `(batch, out height, out width, out)`, for a stride of 1.
pub(crate) fn forward(g: &Geometry, weight: &Filter<'_>, bias: Option<&[f32]>, x: &[f32]) -> Vec<f32> {
    assert_eq!(x.len(), g.batch * g.height * g.width * g.in_channels, "a feature map of another size");
    let (side, m) = (weight.size.input(), weight.size.output());
    let (rows, columns) = (g.out_height.div_ceil(m), g.out_width.div_ceil(m));
    let tiles = g.batch * rows * columns;
    let (inputs, outputs) = (g.in_channels.next_multiple_of(16), g.out_channels.next_multiple_of(16));
    // Transformed pixels are rounded at once where bf16 is multiplied as it is.
    let rounded = weight.positions[0].pairs();
    let bytes = if rounded { 2 } else { 4 };
    let fitting = SCRATCH / (side * side * (bytes * inputs + 4 * outputs));
    let spread = tiles.div_ceil(3 * rayon::current_num_threads());
    // A turned matrix is worth turning for so many rows.
    let least = if weight.positions[0].is_turned() { 48 } else { 24 };
    let chunk = spread.min(fitting.clamp(least, 96)).next_multiple_of(12).min(tiles.max(1));
    let work = |out: Shared, chunk_index: usize, scratch: &mut (Aligned, Aligned)| {
        let from = chunk_index * chunk;
        let count = chunk.min(tiles - from);
        let places: Vec<Place> = (from..from + count)
            .map(|tile| {
                let (image, tile) = (tile / (rows * columns), tile % (rows * columns));
                Place { image, y: tile / columns * m, x: tile % columns * m }
            })
            .collect();
        // Positions start at different cache sets: a tile's are read and written together.
        let (wide, broad) = (count * inputs + SKEW, count * outputs + SKEW);
        let transformed = scratch.0.reserve(side * side * wide * bytes / 4);
        let (size, stride, position) = (weight.size, inputs, wide);
        dispatch(Input { g, size, places: &places, x, to: &mut *transformed, stride, position, rounded });
        let products = scratch.1.reserve(side * side * broad);
        let shared = Shared::new(products);
        for (position, &b) in weight.positions.iter().enumerate() {
            let starts: Vec<*const f32> =
                (0..count).map(|t| transformed[(position * wide + t * inputs) * bytes / 4..].as_ptr()).collect();
            let ends: Vec<*mut f32> = (0..count).map(|t| shared.at(position * broad + t * outputs)).collect();
            let (channels, start) = (g.in_channels, Start::Zero);
            let product = Product { rows: &starts, rounded, channels, b, out: &ends, start };
            // SAFETY: every start has `inputs`, every end `outputs` numbers of this thread's scratch.
            unsafe { product.run(0..b.count()) };
        }
        dispatch(Output {
            g,
            size: weight.size,
            places: &places,
            from: products,
            stride: outputs,
            position: broad,
            bias,
            out,
        });
    };
    let chunks = tiles.div_ceil(chunk);
    let all = |out: Shared| {
        if tiles * side * side * g.in_channels * g.out_channels < SERIAL {
            let mut scratch = Default::default();
            (0..chunks).for_each(|i| work(out, i, &mut scratch));
        } else {
            (0..chunks).into_par_iter().for_each_init(Default::default, |scratch, i| work(out, i, scratch));
        }
    };
    // SAFETY: the tiles cover all output pixels, and each writes all channels of its own.
    unsafe { written(g.batch * g.out_height * g.out_width * g.out_channels, all) }
}
