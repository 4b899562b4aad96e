//! 3×3 convolutions with stride 1 by Winograd's minimal filtering: tiles of `m × m` output pixels are multiplied as
//! `(m+2)²` independent matrices instead of summing nine products per pixel: 2.25 (m = 2) or 4 (m = 4) times fewer
//! multiplications (Lavin & Gray 2015, <https://arxiv.org/abs/1509.09308>).
//!
//! `y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A` for a tile `d` of `(m+2)²` pixels and a kernel `g`. For m = 4 the interpolation points are
//! (0, ±1/√2, ±√2, ∞): their rounding error is about a third of that of the usual (0, ±1, ±2, ∞).

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use rayon::prelude::*;

use super::aligned::Aligned;
use super::conv::Geometry;
use super::panels::Panels;
use super::product::{Product, SERIAL, Shared, Start, written};
use super::simd::{Simd, Task, dispatch};

/// Bytes of scratch for one piece of work.
const SCRATCH: usize = 1 << 21;
/// Bytes of the largest transformed kernel: a 3×3 kernel of f32 grows to 4 (m = 4) or 1.8 (m = 2) times its size.
const LARGEST: usize = 64 << 20;
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
    /// The fastest size whose transformed `(out, in)` kernels are not too large, if any is worth it.
    pub(crate) fn choose(g: &Geometry) -> Option<Self> {
        let small = g.in_channels.min(g.out_channels) < 16 || g.out_height.min(g.out_width) < 2;
        if (g.kernel_height, g.kernel_width, g.stride) != (3, 3, 1) || g.top > 2 || g.left > 2 || small {
            return None;
        }
        let fits = |size: &Self| 4 * size.input().pow(2) * g.in_channels * g.out_channels <= LARGEST;
        [Self::Four, Self::Two].into_iter().find(fits)
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

    /// G, `(m+2, 3)`.
    fn kernel_transform(self) -> &'static [[f64; 3]] {
        const A: f64 = std::f64::consts::FRAC_1_SQRT_2;
        const B: f64 = std::f64::consts::SQRT_2;
        match self {
            Self::Two => &[[1., 0., 0.], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0., 0., 1.]],
            Self::Four => &[
                [1., 0., 0.],
                [-1. / 1.5, -A / 1.5, -0.5 / 1.5],
                [-1. / 1.5, A / 1.5, -0.5 / 1.5],
                [1. / 6., B / 6., 2. / 6.],
                [1. / 6., -B / 6., 2. / 6.],
                [0., 0., 1.],
            ],
        }
    }
}

/// A kernel `(out, in, 3, 3)` transformed: for every position in a tile a matrix `(out, in)`.
#[derive(Debug)]
pub(crate) struct Weight {
    size: Size,
    positions: Vec<Panels>,
}

impl Weight {
    /// Transforms the kernel whose number for output `n`, input `k`, row `y` and column `x` is `get(n, k, y, x)`.
    pub(crate) fn new(size: Size, n: usize, k: usize, get: impl Fn(usize, usize, usize, usize) -> f32 + Sync) -> Self {
        let (g, positions) = (size.kernel_transform(), size.input() * size.input());
        let mut kernels = vec![0f32; n * k * positions];
        kernels.par_chunks_exact_mut(k * positions).enumerate().for_each(|(n, kernels)| {
            for (k, kernel) in kernels.chunks_exact_mut(positions).enumerate() {
                for (i, row) in kernel.chunks_exact_mut(size.input()).enumerate() {
                    let mut half = [0f64; 3];
                    for (x, half) in half.iter_mut().enumerate() {
                        *half = (0..3).map(|y| g[i][y] * f64::from(get(n, k, y, x))).sum();
                    }
                    for (number, g) in row.iter_mut().zip(g) {
                        *number = half.iter().zip(g).map(|(half, g)| half * g).sum::<f64>() as f32;
                    }
                }
            }
        });
        let pack = |position| Panels::pack(n, k, |n, column| kernels[(n * k + column) * positions + position]);
        Self { size, positions: (0..positions).map(pack).collect() }
    }
}

/// `(batch, height, width, in)` to `(batch, out height, out width, out)`, for a stride of 1.
pub(crate) fn forward(g: &Geometry, weight: &Weight, bias: Option<&[f32]>, x: &[f32]) -> Vec<f32> {
    assert_eq!(x.len(), g.batch * g.height * g.width * g.in_channels, "a feature map of another size");
    let (side, m) = (weight.size.input(), weight.size.output());
    let (rows, columns) = (g.out_height.div_ceil(m), g.out_width.div_ceil(m));
    let tiles = g.batch * rows * columns;
    let (inputs, outputs) = (g.in_channels.next_multiple_of(16), g.out_channels.next_multiple_of(16));
    let fitting = SCRATCH / (4 * side * side * (inputs + outputs));
    let spread = tiles.div_ceil(3 * rayon::current_num_threads());
    let chunk = spread.min(fitting.clamp(24, 96)).next_multiple_of(12).min(tiles.max(1));
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
        let transformed = scratch.0.reserve(side * side * wide);
        dispatch(Input { g, size: weight.size, places: &places, x, to: transformed, stride: inputs, position: wide });
        let products = scratch.1.reserve(side * side * broad);
        let shared = Shared::new(products);
        for (position, b) in weight.positions.iter().enumerate() {
            let starts: Vec<*const f32> =
                (0..count).map(|t| transformed[position * wide + t * inputs..].as_ptr()).collect();
            let ends: Vec<*mut f32> = (0..count).map(|t| shared.at(position * broad + t * outputs)).collect();
            let product = Product { rows: &starts, channels: g.in_channels, b, out: &ends, start: Start::Zero };
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

/// The first output pixel of a tile.
struct Place {
    image: usize,
    y: usize,
    x: usize,
}

/// `Bᵀ d B` of some tiles, `[position][tile][stride]`.
struct Input<'a> {
    g: &'a Geometry,
    size: Size,
    places: &'a [Place],
    x: &'a [f32],
    to: &'a mut [f32],
    stride: usize,
    position: usize,
}

impl Task for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.size {
            Size::Two => self.tiles::<S, Two, 4, 2>(),
            Size::Four => self.tiles::<S, Four, 6, 4>(),
        }
    }
}

impl Input<'_> {
    #[inline(always)]
    fn tiles<S: Simd, T: Transform<N, M>, const N: usize, const M: usize>(self) {
        let Self { g, places, x, to, stride, position, .. } = self;
        assert!(to.len() >= N * N * position && position >= places.len() * stride);
        let to = to.as_mut_ptr();
        for (tile, place) in places.iter().enumerate() {
            // The address of every pixel; null outside the map.
            let mut pixels = [[std::ptr::null::<f32>(); N]; N];
            for (i, row) in pixels.iter_mut().enumerate() {
                for (j, pixel) in row.iter_mut().enumerate() {
                    // Outside the map these wrap around to huge numbers.
                    let (py, px) = ((place.y + i).wrapping_sub(g.top), (place.x + j).wrapping_sub(g.left));
                    if py < g.height && px < g.width {
                        *pixel = x[((place.image * g.height + py) * g.width + px) * g.in_channels..].as_ptr();
                    }
                }
            }
            for channel in (0..g.in_channels).step_by(S::LANES) {
                let lanes = S::LANES.min(g.in_channels - channel);
                // SAFETY: `dispatch` vouches for `S`; every pixel has `in_channels` numbers; `to` has `stride` numbers
                // per tile and position, a multiple of 16.
                unsafe {
                    let mut d = [[S::splat(0.); N]; N];
                    for (row, addresses) in d.iter_mut().zip(&pixels) {
                        for (v, address) in row.iter_mut().zip(addresses) {
                            if !address.is_null() {
                                *v = load_some::<S>(address.add(channel), lanes);
                            }
                        }
                        *row = T::input::<S>(*row);
                    }
                    for j in 0..N {
                        let mut column = [S::splat(0.); N];
                        for (v, row) in column.iter_mut().zip(&d) {
                            *v = row[j];
                        }
                        for (i, v) in T::input::<S>(column).into_iter().enumerate() {
                            S::store(to.add((i * N + j) * position + tile * stride + channel), v);
                        }
                    }
                }
            }
        }
    }
}

/// `Aᵀ m A` plus bias, written to the output pixels that exist.
struct Output<'a> {
    g: &'a Geometry,
    size: Size,
    places: &'a [Place],
    from: &'a [f32],
    stride: usize,
    position: usize,
    /// Padded to whole panels.
    bias: Option<&'a [f32]>,
    out: Shared,
}

impl Task for Output<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.size {
            Size::Two => self.tiles::<S, Two, 4, 2>(),
            Size::Four => self.tiles::<S, Four, 6, 4>(),
        }
    }
}

impl Output<'_> {
    #[inline(always)]
    fn tiles<S: Simd, T: Transform<N, M>, const N: usize, const M: usize>(self) {
        let Self { g, places, from, stride, position, bias, out, .. } = self;
        assert!(from.len() >= N * N * position && position >= places.len() * stride);
        let from = from.as_ptr();
        for (tile, place) in places.iter().enumerate() {
            let (height, width) = (M.min(g.out_height - place.y), M.min(g.out_width - place.x));
            for channel in (0..g.out_channels).step_by(S::LANES) {
                let lanes = S::LANES.min(g.out_channels - channel);
                // SAFETY: `dispatch` vouches for `S`; `from` has `stride` numbers per tile and position, a multiple of 16; the
                // output pixels of a tile belong to this call alone.
                unsafe {
                    let start = match bias {
                        Some(bias) => S::load(bias[channel..channel + S::LANES].as_ptr()),
                        None => S::splat(0.),
                    };
                    let mut half = [[S::splat(0.); N]; M];
                    for j in 0..N {
                        let mut column = [start; N];
                        for (i, v) in column.iter_mut().enumerate() {
                            *v = S::load(from.add((i * N + j) * position + tile * stride + channel));
                        }
                        for (row, v) in half.iter_mut().zip(T::output::<S>(column)) {
                            row[j] = v;
                        }
                    }
                    for (i, row) in half.into_iter().enumerate().take(height) {
                        let pixel =
                            ((place.image * g.out_height + place.y + i) * g.out_width + place.x) * g.out_channels;
                        for (j, v) in T::output::<S>(row).into_iter().enumerate().take(width) {
                            store_some::<S>(out.at(pixel + j * g.out_channels + channel), lanes, S::add(v, start));
                        }
                    }
                }
            }
        }
    }
}

/// The first `lanes` numbers at an address, then zeros.
#[inline(always)]
unsafe fn load_some<S: Simd>(from: *const f32, lanes: usize) -> S::V {
    // SAFETY: the caller owns `lanes` readable numbers there.
    unsafe {
        if lanes == S::LANES {
            return S::load(from);
        }
        let mut edge = [0f32; 16];
        std::ptr::copy_nonoverlapping(from, edge.as_mut_ptr(), lanes);
        S::load(edge.as_ptr())
    }
}

/// Writes the first `lanes` numbers of a vector.
#[inline(always)]
unsafe fn store_some<S: Simd>(to: *mut f32, lanes: usize, v: S::V) {
    // SAFETY: the caller owns `lanes` writable numbers there.
    unsafe {
        if lanes == S::LANES {
            return S::store(to, v);
        }
        let mut edge = [0f32; 16];
        S::store(edge.as_mut_ptr(), v);
        std::ptr::copy_nonoverlapping(edge.as_ptr(), to, lanes);
    }
}

/// `factor · a + b`
#[inline(always)]
fn fma<S: Simd>(factor: f32, a: S::V, b: S::V) -> S::V {
    // SAFETY: called from tasks only, for whose `S` `dispatch` vouches.
    unsafe { S::fma(S::splat(factor), a, b) }
}

#[inline(always)]
fn add<S: Simd>(a: S::V, b: S::V) -> S::V {
    // SAFETY: as `fma`.
    unsafe { S::add(a, b) }
}

#[inline(always)]
fn scale<S: Simd>(factor: f32, a: S::V) -> S::V {
    // SAFETY: as `fma`.
    fma::<S>(factor, a, unsafe { S::splat(0.) })
}

/// The one-dimensional transforms, on vectors of channels.
trait Transform<const N: usize, const M: usize> {
    /// Bᵀ d: coefficients of `Π (x − other points)`.
    fn input<S: Simd>(d: [S::V; N]) -> [S::V; N];
    /// Aᵀ m: powers of the points.
    fn output<S: Simd>(m: [S::V; N]) -> [S::V; M];
}

/// Points (0, 1, −1, ∞).
struct Two;

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

/// Points (0, 1/√2, −1/√2, √2, −√2, ∞).
struct Four;

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
