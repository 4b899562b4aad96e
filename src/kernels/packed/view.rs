//! Packed weights as the right-hand side of a product, as they are stored or transposed while they are read.
//!
//! The gradient of a layer's input needs the transposed weight. A second pack would double the memory of a model.
//! Turning a block while it is read costs only a few percent of multiplying it with the rows of one piece of work.

use half::bf16;

use super::int8::{Widen, as_pairs, widen, widen_pairs};
use super::panels::{Data, Element, Panels};
use crate::kernels::host::aligned::Aligned;
use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};
use crate::kernels::simd::prefetch::prefetch;

/// A matrix B `(n, k)`, which is read in blocks of [`Panels::width`] rows.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) n: usize,
    pub(crate) k: usize,
    panels: &'a Panels,
    matrix: usize,
    turned: Option<Turned<'a>>,
}

/// Row `i`, column `block · rows + j` is `scale` times the stored matrix's row `j`, column `columns[block] + i`.
#[derive(Clone, Copy)]
struct Turned<'a> {
    columns: &'a [usize],
    scale: f32,
}

impl Panels {
    /// A matrix of the stack.
    pub(crate) fn matrix(&self, matrix: usize) -> View<'_> {
        assert!(matrix < self.matrices, "matrix {matrix} of {}", self.matrices);
        View { n: self.n, k: self.k, panels: self, matrix, turned: None }
    }

    /// The only matrix.
    pub(crate) fn view(&self) -> View<'_> {
        self.matrix(0)
    }

    /// `scale` times the transposed matrix.
    pub(crate) fn transposed(&self, matrix: usize, scale: f32) -> View<'_> {
        View { turned: Some(Turned { columns: &[0], scale }), n: self.k, k: self.n, ..self.matrix(matrix) }
    }

    /// Blocks of `n` columns, beginning at each of `columns`, transposed and side by side. Row `i`, column
    /// `block · self.n + j` of the result is row `j`, column `columns[block] + i` of the stored matrix.
    pub(crate) fn transposed_blocks<'a>(&'a self, n: usize, columns: &'a [usize]) -> View<'a> {
        assert!(columns.iter().all(|column| column + n <= self.k), "columns outside the matrix");
        let k = columns.len() * self.n;
        View { turned: Some(Turned { columns, scale: 1. }), n, k, ..self.view() }
    }
}

impl View<'_> {
    /// The rows of a panel.
    pub(crate) fn width(&self) -> usize {
        self.panels.width
    }

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.n.div_ceil(self.panels.width)
    }

    /// Whether blocks are transposed while they are read. Then it pays to multiply each block with more rows.
    pub(crate) fn is_turned(&self) -> bool {
        self.turned.is_some()
    }

    /// Whether blocks are pairs of bf16 columns, which are multiplied without conversion.
    pub(crate) fn pairs(&self) -> bool {
        self.panels.pairs
    }

    /// The address of columns `k0 .. k0 + depth` of a panel: `[k][row]` in f32, or `[k / 2][row]` in pairs of bf16.
    /// With pairs `k0` is even, and an odd `depth` is followed by a zero. The columns are written to `scratch` if they
    /// are not stored in this form.
    #[inline(always)]
    pub(crate) fn block(&self, panel: usize, k0: usize, depth: usize, scratch: &mut Scratch) -> *const f32 {
        let Scratch { block, square } = scratch;
        if let Some(turned) = &self.turned {
            let to = block.reserve(depth * self.panels.width);
            dispatch(Turn { view: self, turned, panel, k0, depth, square, to: &mut *to });
            return to.as_ptr();
        }
        let start = self.start(panel, k0);
        let depth = if self.panels.pairs { depth.next_multiple_of(2) } else { depth };
        let end = start + depth * self.panels.width;
        match &self.panels.data {
            Data::F32(data) => data[start..end].as_ptr(),
            Data::Bf16(data) if self.panels.pairs => data[start..end].as_ptr().cast(),
            Data::Bf16(data) => Element::widen(&data[start..end], block).as_ptr(),
            Data::F16(data) => Element::widen(&data[start..end], block).as_ptr(),
            Data::Int8 { integers, factors } => {
                let to = block.reserve(depth * self.panels.width);
                let factors = &factors[panel * self.panels.width..][..self.panels.width];
                dispatch(Widen { integers: &integers[start..end], factors, pairs: self.panels.pairs, to: &mut *to });
                to.as_ptr()
            }
        }
    }

    /// Columns `column .. column + columns` of a stored panel in f32, and those of the next one on their way: no
    /// processor guesses it, as the two lie far apart.
    #[inline(always)]
    fn stored<'b>(&'b self, panel: usize, column: usize, columns: usize, scratch: &'b mut Aligned) -> &'b [f32] {
        let range = self.start(panel, column)..self.start(panel, column) + columns * self.panels.width;
        let next = self.start(panel + 1, column);
        match &self.panels.data {
            Data::F32(data) => {
                ask_ahead(data, next, range.len());
                &data[range]
            }
            Data::Bf16(data) => {
                ask_ahead(data, next, range.len());
                Element::widen(&data[range], scratch)
            }
            Data::F16(data) => {
                ask_ahead(data, next, range.len());
                Element::widen(&data[range], scratch)
            }
            Data::Int8 { integers, factors } => {
                ask_ahead(integers, next, range.len());
                let to = scratch.reserve(range.len());
                widen(&integers[range], &factors[panel * self.panels.width..][..self.panels.width], to);
                to
            }
        }
    }

    /// Like [`View::stored`], in pairs of columns, beginning with an even one.
    #[inline(always)]
    fn stored_pairs<'b, S: Simd>(
        &'b self,
        panel: usize,
        column: usize,
        columns: usize,
        scratch: &'b mut Aligned,
    ) -> &'b [bf16] {
        let width = self.panels.width;
        let range = self.start(panel, column)..self.start(panel, column) + columns.next_multiple_of(2) * width;
        let next = self.start(panel + 1, column);
        match &self.panels.data {
            Data::Bf16(data) => {
                ask_ahead(data, next, range.len());
                &data[range]
            }
            Data::Int8 { integers, factors } => {
                ask_ahead(integers, next, range.len());
                let to = as_pairs(scratch.reserve(range.len() / 2));
                widen_pairs::<S>(&integers[range], &factors[panel * width..][..width], to);
                to
            }
            Data::F32(_) | Data::F16(_) => unreachable!("these are not stored in pairs"),
        }
    }

    /// The index at which a column of a stored panel begins.
    #[inline(always)]
    fn start(&self, panel: usize, column: usize) -> usize {
        self.panels.order().index(panel, self.matrix, column, 0)
    }

    #[inline(always)]
    fn turn<S: Simd>(&self, turned: &Turned<'_>, panel: usize, k0: usize, square: &mut Aligned, to: &mut [f32]) {
        let (width, rows, first) = (self.panels.width, self.panels.n, panel * self.panels.width);
        let columns = width.min(self.n - first);
        let mut done = 0;
        while done * width < to.len() {
            // Each round goes as far as one stored panel and one block of columns reach.
            let (block, row) = ((k0 + done) / rows, (k0 + done) % rows);
            let lane = row % width;
            let count = (width - lane).min(rows - row).min(to.len() / width - done);
            let from = self.stored(row / width, turned.columns[block] + first, columns, square);
            let to = &mut to[done * width..(done + count) * width];
            if lane == 0 && count.is_multiple_of(8) && columns == width {
                for i in (0..count).step_by(8) {
                    for j in (0..width).step_by(8) {
                        // SAFETY: these are 8 × 8 numbers inside `from` `(width, width)` and `to` `(count, width)`.
                        unsafe {
                            S::transpose_8x8(from[j * width + i..].as_ptr(), to[i * width + j..].as_mut_ptr(), width)
                        };
                    }
                }
            } else {
                for (i, to) in to.chunks_exact_mut(width).enumerate() {
                    for (j, to) in to[..columns].iter_mut().enumerate() {
                        *to = from[j * width + lane + i];
                    }
                }
            }
            if turned.scale != 1. {
                to.iter_mut().for_each(|to| *to *= turned.scale);
            }
            done += count;
        }
    }

    /// Like [`View::turn`], from pairs to pairs.
    #[inline(always)]
    fn turn_pairs<S: Simd>(
        &self,
        turned: &Turned<'_>,
        panel: usize,
        (k0, depth): (usize, usize),
        square: &mut Aligned,
        to: &mut [bf16],
    ) {
        let (width, rows, first) = (self.panels.width, self.panels.n, panel * self.panels.width);
        let columns = width.min(self.n - first);
        let mut done = 0;
        while done < depth {
            let (block, row) = ((k0 + done) / rows, (k0 + done) % rows);
            let (lane, column) = (row % width, turned.columns[block] + first);
            let count = (width - lane).min(rows - row).min(depth - done);
            let (odd, even_column) = (column % 2, column - column % 2);
            let from = self.stored_pairs::<S>(row / width, even_column, columns + odd, square);
            let even = [lane, column, done].into_iter().all(|x| x.is_multiple_of(2)) && count.is_multiple_of(8);
            if even && columns == width && turned.scale == 1. {
                // Units of two rows times two columns, 64 bits; the step is the same on both sides.
                let step = width / 2;
                let from: *const u64 = from[2 * lane..].as_ptr().cast();
                let to: *mut u64 = to[done * width..(done + count) * width].as_mut_ptr().cast();
                for i in (0..count / 2).step_by(4) {
                    for j in (0..width / 2).step_by(4) {
                        // SAFETY: these are 4 × 4 units inside the stored panel's `width` columns from `column` on, and
                        // inside `to`; both start at multiples of 4 numbers of aligned memory.
                        unsafe {
                            S::turn_pairs_4x4(from.wrapping_add(j * step + i), to.wrapping_add(i * step + j), step)
                        };
                    }
                }
            } else {
                for i in done..done + count {
                    for j in 0..columns {
                        let number = from[((j + odd) / 2 * width + lane + i - done) * 2 + (j + odd) % 2];
                        let index = (i / 2 * width + j) * 2 + i % 2;
                        to[index] =
                            if turned.scale == 1. { number } else { Element::from_f32(number.to_f32() * turned.scale) };
                    }
                }
            }
            done += count;
        }
        if depth % 2 == 1 {
            let last = &mut to[(depth - 1) * width..(depth + 1) * width];
            last.iter_mut().skip(1).step_by(2).for_each(|number| *number = bf16::ZERO);
        }
    }
}

/// Transposes a block. It is a task of its own so that its code does not crowd the loop around the register tile.
struct Turn<'a> {
    view: &'a View<'a>,
    turned: &'a Turned<'a>,
    panel: usize,
    k0: usize,
    depth: usize,
    square: &'a mut Aligned,
    to: &'a mut [f32],
}

impl Task for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { view, turned, panel, k0, depth, square, to } = self;
        if view.panels.pairs {
            view.turn_pairs::<S>(turned, panel, (k0, depth), square, as_pairs(to));
        } else {
            view.turn::<S>(turned, panel, k0, square, to);
        }
    }
}

/// Prefetches `count` numbers from `start` on; they may lie beyond the end.
#[inline(always)]
fn ask_ahead<T>(data: &[T], start: usize, count: usize) {
    let next = data.as_ptr().wrapping_add(start).cast::<u8>();
    for byte in (0..count * size_of::<T>()).step_by(64) {
        prefetch(next.wrapping_add(byte));
    }
}

/// Memory for one block of B.
#[derive(Default)]
pub(crate) struct Scratch {
    block: Aligned,
    square: Aligned,
}
