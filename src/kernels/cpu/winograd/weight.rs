//! Kernels transformed for Winograd's products, for both directions in one pack.

use std::sync::OnceLock;

use super::Size;
use crate::kernels::cpu::panels::{Element, Panels};
use crate::kernels::cpu::view::View;

/// Numbers of the largest transformed kernel of which a second, turned copy is kept: small ones belong to small models, whose few
/// tiles do not pay for turning it in every call.
const KEPT: usize = 3 << 20;

/// A kernel `(out, in, 3, 3)` transformed: for every position in a tile a matrix `(out, in)`.
#[derive(Debug)]
pub(crate) struct Weight {
    size: Size,
    positions: Panels,
    /// For the gradient, if it is small; made when first asked for.
    turned: OnceLock<Panels>,
}

/// What [`forward`](super::forward) multiplies with: a matrix `(out, in)` for every position in a tile.
pub(crate) struct Filter<'a> {
    pub(super) size: Size,
    pub(super) positions: Vec<View<'a>>,
}

impl Weight {
    /// Transforms the kernels `kernel(n, k)`, rows of three, of output `n` and input `k`.
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
        Self { size, positions: Panels::fill(positions, n, k, transform), turned: OnceLock::new() }
    }

    /// The kernel itself.
    pub(crate) fn forward(&self) -> Filter<'_> {
        let count = self.size.input() * self.size.input();
        Filter { size: self.size, positions: (0..count).map(|position| self.positions.matrix(position)).collect() }
    }

    /// The kernel turned by 180° with inputs and outputs exchanged, which convolves a gradient. Turning a kernel exchanges a point
    /// of interpolation `a` with `1/a`: the same matrices elsewhere, transposed, times powers of two.
    pub(crate) fn backward(&self) -> Filter<'_> {
        let turned: &[(usize, f32)] = match self.size {
            Size::Two => &[(3, 1.), (1, 1.), (2, 1.), (0, 1.)],
            Size::Four => &[(5, 1.), (3, -2.), (4, -2.), (1, -0.5), (2, -0.5), (0, 1.)],
        };
        let side = self.size.input();
        let from: Vec<(usize, f32)> =
            turned.iter().flat_map(|y| turned.iter().map(move |x| (y.0 * side + x.0, y.1 * x.1))).collect();
        let positions = if from.len() * self.positions.n * self.positions.k <= KEPT {
            let turned = self.turned.get_or_init(|| self.positions.transpose(&from));
            (0..from.len()).map(|position| turned.matrix(position)).collect()
        } else {
            from.into_iter().map(|(position, scale)| self.positions.transposed(position, scale)).collect()
        };
        Filter { size: self.size, positions }
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
        let number = |i: usize, j: usize| f64::from(self.positions.get(i * side + j, n, k));
        let row = |i: usize| (0..side).map(|j| solve[x][j] * number(i, j)).sum::<f64>();
        (0..side).map(|i| solve[y][i] * row(i)).sum::<f64>() as f32
    }
}

/// G of F(2×2), `(4, 3)`, at the points 0, 1, −1, ∞.
const TWO: [[f64; 3]; 4] = [[1., 0., 0.], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0., 0., 1.]];

/// G of F(4×4), `(6, 3)`, at the points 0, ±1/√2, ±√2, ∞.
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

/// `G g Gᵀ`.
fn transform<T: Element, const N: usize>(g: &[[f64; 3]; N], kernel: &[f64; 9], numbers: &mut [T]) {
    for (g_row, numbers) in g.iter().zip(numbers.chunks_exact_mut(N)) {
        let half: [f64; 3] = std::array::from_fn(|x| (0..3).map(|y| g_row[y] * kernel[3 * y + x]).sum());
        for (number, g) in numbers.iter_mut().zip(g) {
            *number = T::from_f32(half.iter().zip(g).map(|(half, g)| half * g).sum::<f64>() as f32);
        }
    }
}
