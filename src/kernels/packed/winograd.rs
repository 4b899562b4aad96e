//! 3×3 kernels, transformed for Winograd's products ([Lavin & Gray 2015](https://arxiv.org/abs/1509.09308)). One pack
//! serves both directions.

use super::panels::{Element, Panels};
use super::two_way::TwoWay;
use super::view::View;

/// Bytes of the largest transformed kernel of [`Size::Four`]. A kernel grows to 4 times its size there, and to 1.8
/// times its size for [`Size::Two`].
const LARGEST: usize = 64 << 20;
/// Transforming the data costs more than it saves if there are fewer channels than this.
const SMALLEST: usize = 16;

/// The numbers of the largest transformed kernel for which a turned copy is kept.
pub(crate) const KEPT: usize = 3 << 20;

/// The size of a tile, by the output pixels in one of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// F(2×2, 3×3): 16 products.
    Two,
    /// F(4×4, 3×3): 36 products.
    Four,
}

impl Size {
    /// The fastest size for kernels `(out, in, 3, 3)` with a stride of 1, and at most 2 rows and columns of padding on
    /// each side.
    pub(crate) fn choose(out_channels: usize, in_channels: usize, half_precision: bool) -> Option<Self> {
        if out_channels.min(in_channels) < SMALLEST {
            return None;
        }
        // F(4×4) would lose two of the eight bits of bf16.
        let large = 4 * Self::Four.input().pow(2) * in_channels * out_channels > LARGEST;
        Some(if large || half_precision { Self::Two } else { Self::Four })
    }

    /// The output pixels in a row of a tile.
    pub(crate) const fn output(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// The input pixels in a row of a tile.
    pub(crate) const fn input(self) -> usize {
        self.output() + 2
    }
}

/// A transformed kernel `(out, in, 3, 3)`: one matrix `(out, in)` for every position in a tile.
#[derive(Debug)]
pub(crate) struct Weight {
    size: Size,
    positions: TwoWay,
}

/// The transformed kernel of one direction: a matrix `(out, in)` for every position in a tile.
pub(crate) struct Filter<'a> {
    pub(crate) size: Size,
    pub(crate) positions: Vec<View<'a>>,
}

impl Weight {
    /// Transforms a kernel. `kernel(n, k)` gives its nine numbers for output `n` and input `k`, row by row.
    pub(crate) fn new<T: Element>(
        size: Size,
        n: usize,
        k: usize,
        kernel: impl Fn(usize, usize) -> [f32; 9] + Sync,
    ) -> Self {
        let positions = size.input() * size.input();
        let transform = |n: usize, k: usize, numbers: &mut [T]| {
            let kernel = kernel(n, k).map(f64::from);
            match size {
                Size::Two => transform(&TWO, &kernel, numbers),
                Size::Four => transform(&FOUR, &kernel, numbers),
            }
        };
        let panels = Panels::fill(positions, n, k, transform);
        Self { size, positions: TwoWay::new(panels, turned(size), KEPT) }
    }

    /// The kernel itself.
    pub(crate) fn forward(&self) -> Filter<'_> {
        let positions = (0..self.positions.count()).map(|position| self.positions.forward(position));
        Filter { size: self.size, positions: positions.collect() }
    }

    /// The kernel that convolves a gradient: turned by 180°, with inputs and outputs exchanged.
    pub(crate) fn backward(&self) -> Filter<'_> {
        let positions = (0..self.positions.count()).map(|position| self.positions.backward(position));
        Filter { size: self.size, positions: positions.collect() }
    }

    /// The kernel's number for output `n` and input `k`, up to rounding.
    pub(crate) fn get(&self, n: usize, k: usize, y: usize, x: usize) -> f32 {
        let solve: [[f64; 6]; 3] = match self.size {
            Size::Two => [[1., 0., 0., 0., 0., 0.], [0., 1., -1., 0., 0., 0.], [0., 0., 0., 1., 0., 0.]],
            Size::Four => {
                const C: f64 = 0.75 * std::f64::consts::SQRT_2;
                [[1., 0., 0., 0., 0., 0.], [0., -C, C, 0., 0., 0.], [0., 0., 0., 0., 0., 1.]]
            }
        };
        let side = self.size.input();
        let number = |i: usize, j: usize| f64::from(self.positions.panels().get(i * side + j, n, k));
        let row = |i: usize| (0..side).map(|j| solve[x][j] * number(i, j)).sum::<f64>();
        (0..side).map(|i| solve[y][i] * row(i)).sum::<f64>() as f32
    }
}

/// The matrices of the turned kernel, as [`TwoWay`] wants them. Turning a kernel exchanges each interpolation point `a`
/// with `1/a`: the matrices stay the same, but change places, are transposed, and get factors that are powers of two.
fn turned(size: Size) -> Vec<(usize, f32)> {
    let along: &[(usize, f32)] = match size {
        Size::Two => &[(3, 1.), (1, 1.), (2, 1.), (0, 1.)],
        Size::Four => &[(5, 1.), (3, -2.), (4, -2.), (1, -0.5), (2, -0.5), (0, 1.)],
    };
    along.iter().flat_map(|y| along.iter().map(move |x| (y.0 * size.input() + x.0, y.1 * x.1))).collect()
}

/// The matrix G of F(2×2), `(4, 3)`, for the points 0, 1, −1, ∞.
const TWO: [[f64; 3]; 4] = [[1., 0., 0.], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0., 0., 1.]];

/// The matrix G of F(4×4), `(6, 3)`, for the points 0, ±1/√2, ±√2, ∞.
const FOUR: [[f64; 3]; 6] = {
    const A: f64 = std::f64::consts::FRAC_1_SQRT_2;
    const B: f64 = std::f64::consts::SQRT_2;
    [
        [1., 0., 0.],
        [-1. / 1.5, -A / 1.5, -0.5 / 1.5],
        [-1. / 1.5, A / 1.5, -0.5 / 1.5],
        [1. / 6., B / 6., 2. / 6.],
        [1. / 6., -B / 6., 2. / 6.],
        [0., 0., 1.],
    ]
};

/// Writes `G g Gᵀ` to `numbers`.
fn transform<T: Element, const N: usize>(g: &[[f64; 3]; N], kernel: &[f64; 9], numbers: &mut [T]) {
    for (g_row, numbers) in g.iter().zip(numbers.chunks_exact_mut(N)) {
        let half: [f64; 3] = std::array::from_fn(|x| (0..3).map(|y| g_row[y] * kernel[3 * y + x]).sum());
        for (number, g) in numbers.iter_mut().zip(g) {
            *number = T::from_f32(half.iter().zip(g).map(|(half, g)| half * g).sum::<f64>() as f32);
        }
    }
}
