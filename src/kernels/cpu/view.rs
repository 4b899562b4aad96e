//! Packed weights as the right-hand side of a product: as they are, or transposed on the way.
//!
//! The gradient of a layer's input needs the transposed weight. A second pack would double the memory of a model; turning a
//! block when it is read costs a few percent of multiplying it with the rows of one piece of work.

use half::{bf16, f16};

use super::aligned::Aligned;
use super::panels::{Data, Element, Panels};
use super::simd::{Simd, Task, dispatch};

/// A matrix B `(n, k)` that is read in blocks of [`Panels::width`] rows.
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

    /// `n` columns from each of `columns` on, transposed and side by side: row `i`, column `block · self.n + j` is row
    /// `j`, column `columns[block] + i`.
    pub(crate) fn transposed_blocks<'a>(&'a self, n: usize, columns: &'a [usize]) -> View<'a> {
        assert!(columns.iter().all(|column| column + n <= self.k), "columns outside the matrix");
        let k = columns.len() * self.n;
        View { turned: Some(Turned { columns, scale: 1. }), n, k, ..self.view() }
    }
}

impl View<'_> {
    /// Rows per panel.
    pub(crate) fn width(&self) -> usize {
        self.panels.width
    }

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.n.div_ceil(self.panels.width)
    }

    /// Whether blocks are transposed when they are read, so that it pays to multiply each with more rows.
    pub(crate) fn is_turned(&self) -> bool {
        self.turned.is_some()
    }

    /// Columns `k0 .. k0 + depth` of a panel, `[k][row]`; `scratch` holds them if they are not stored so.
    #[inline(always)]
    pub(super) fn block<'b>(&'b self, panel: usize, k0: usize, depth: usize, scratch: &'b mut Scratch) -> &'b [f32] {
        let Scratch { block, square } = scratch;
        if let Some(turned) = &self.turned {
            let to = block.reserve(depth * self.panels.width);
            dispatch(Turn { view: self, turned, panel, k0, square, to: &mut *to });
            return to;
        }
        let start = self.start(panel, k0);
        let range = start..start + depth * self.panels.width;
        match &self.panels.data {
            Data::F32(data) => &data[range],
            Data::Bf16(data) => Element::widen(&data[range], block),
            Data::F16(data) => Element::widen(&data[range], block),
        }
    }

    /// Where a stored panel's column begins.
    #[inline(always)]
    fn start(&self, panel: usize, column: usize) -> usize {
        ((panel * self.panels.matrices + self.matrix) * self.panels.k + column) * self.panels.width
    }

    #[inline(always)]
    fn turn<S: Simd, T: Element>(
        &self,
        turned: &Turned<'_>,
        data: &[T],
        panel: usize,
        k0: usize,
        square: &mut Aligned,
        to: &mut [f32],
    ) {
        let (width, rows, first) = (self.panels.width, self.panels.n, panel * self.panels.width);
        let columns = width.min(self.n - first);
        let mut done = 0;
        while done * width < to.len() {
            // As far as one stored panel and one block of columns reach.
            let (block, row) = ((k0 + done) / rows, (k0 + done) % rows);
            let lane = row % width;
            let count = (width - lane).min(rows - row).min(to.len() / width - done);
            let start = self.start(row / width, turned.columns[block] + first);
            let from = &data[start..start + columns * width];
            let to = &mut to[done * width..(done + count) * width];
            if lane == 0 && count.is_multiple_of(8) && columns == width {
                let from = T::widen(from, square);
                for i in (0..count).step_by(8) {
                    for j in (0..width).step_by(8) {
                        // SAFETY: 8 × 8 numbers inside `from` `(width, width)` and `to` `(count, width)`.
                        unsafe {
                            S::transpose_8x8(from[j * width + i..].as_ptr(), to[i * width + j..].as_mut_ptr(), width)
                        };
                    }
                }
            } else {
                for (i, to) in to.chunks_exact_mut(width).enumerate() {
                    for (j, to) in to[..columns].iter_mut().enumerate() {
                        *to = from[j * width + lane + i].to_f32();
                    }
                }
            }
            if turned.scale != 1. {
                to.iter_mut().for_each(|to| *to *= turned.scale);
            }
            done += count;
        }
    }
}

/// Transposes a block; a task of its own, so that it does not crowd the loop around the register tile.
struct Turn<'a> {
    view: &'a View<'a>,
    turned: &'a Turned<'a>,
    panel: usize,
    k0: usize,
    square: &'a mut Aligned,
    to: &'a mut [f32],
}

impl Task for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { view, turned, panel, k0, square, to } = self;
        match &view.panels.data {
            Data::F32(data) => view.turn::<S, f32>(turned, data, panel, k0, square, to),
            Data::Bf16(data) => view.turn::<S, bf16>(turned, data, panel, k0, square, to),
            Data::F16(data) => view.turn::<S, f16>(turned, data, panel, k0, square, to),
        }
    }
}

/// Room for a block of B.
#[derive(Default)]
pub(super) struct Scratch {
    block: Aligned,
    square: Aligned,
}
