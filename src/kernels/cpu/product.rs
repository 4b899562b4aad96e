//! The matrix product `C = A Bᵀ` with packed B. The rows of A are given by address, so that it serves plain matrices
//! and, with one address per pixel and kernel tap, convolutions without an im2col buffer.

use std::ops::Range;

use half::bf16;
use rayon::prelude::*;

use crate::kernels::host::aligned::Aligned;
use crate::kernels::host::fresh::{Shared, written};
use crate::kernels::packed::view::{Scratch, View};
use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};
use crate::kernels::simd::tile::{MAX_ROWS, Tile};

/// The longest chain of multiply-adds before a partial sum is added to C; it is twice as long in pairs. With this
/// length a panel of B stays in L1 or L2.
const DEPTH: usize = 384;
/// The rows of one piece of work. With this number its part of A stays in L2.
const CHUNK: usize = 192;
/// The columns of the widest register tile.
const WIDEST: usize = 32;
/// A product with fewer multiply-adds than this is not worth other threads. Miri can do only few multiply-adds, but has
/// to see other threads, too.
pub(super) const SERIAL: usize = if cfg!(miri) { 1 << 8 } else { 1 << 18 };

/// The bytes that one thread needs to multiply `rows` rows of `k` numbers with packed weights: a block of weights, and
/// the rounded rows.
pub(crate) fn scratch_bytes(rows: usize, k: usize, pairs: bool) -> usize {
    let depth = k.min(if pairs { 2 * DEPTH } else { DEPTH });
    let rounded = if pairs { 2 * rows.min(2 * CHUNK + MAX_ROWS) * depth } else { 0 };
    4 * 2 * WIDEST * depth + rounded
}

/// What the product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Zeros. C is overwritten.
    Zero,
    /// The bias, padded to whole panels. C is overwritten.
    Bias(&'a [f32]),
    /// The numbers in C.
    Keep,
}

/// One product. Row `r` of A has equal segments (kernel taps); segment `s` is the `channels` numbers that start at
/// `rows[s · out.len() + r]`. Row `r` of C starts at `out[r]`.
pub(crate) struct Product<'a> {
    pub(crate) rows: &'a [*const f32],
    /// Whether the rows hold pairs of bf16 numbers already; an odd last number is followed by a zero. This is allowed
    /// only if B is in pairs and there is one segment.
    pub(crate) rounded: bool,
    pub(crate) channels: usize,
    /// `(n, segments · channels)`.
    pub(crate) b: View<'a>,
    pub(crate) out: &'a [*mut f32],
    pub(crate) start: Start<'a>,
}

impl Product<'_> {
    /// Computes the columns of C in `panels`.
    ///
    /// # Safety
    /// Every address in `rows` must have `channels` readable numbers (bf16 if `rounded`, and one more if their number
    /// is odd). Every address in `out` must have `b.n` writable numbers, and nobody else may use the columns of
    /// `panels`.
    pub(crate) unsafe fn run(&self, panels: Range<usize>) {
        dispatch(Run { product: self, panels });
    }
}

struct Run<'a, 'b> {
    product: &'a Product<'b>,
    panels: Range<usize>,
}

impl Task for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let p = self.product;
        let m = p.out.len();
        let mut scratch = Scratch::default();
        if !p.b.pairs() {
            for block in blocks(p.b.k / p.channels, p.channels) {
                let k0 = block.first * p.channels + block.offset;
                let part = Part { k0, columns: block.segments * block.depth, pairs: false, block };
                self.part::<S>(&p.rows[part.block.first * m..], &part, &mut scratch);
            }
            return;
        }
        debug_assert!(!p.rounded || p.channels == p.b.k, "rounded rows of several segments");
        let mut narrow = Aligned::default();
        let parts = p.b.k.div_ceil(2 * DEPTH);
        for index in 0..parts {
            let [k0, end] = [index, index + 1].map(|i| (p.b.k * i / parts).next_multiple_of(32).min(p.b.k));
            let step = (end - k0).next_multiple_of(2);
            let block = Block { first: 0, segments: 1, offset: if p.rounded { k0 / 2 } else { 0 }, depth: step / 2 };
            let part = Part { k0, columns: end - k0, pairs: true, block };
            if p.rounded {
                self.part::<S>(p.rows, &part, &mut scratch);
            } else {
                let starts = self.narrow::<S>(k0..end, narrow.reserve(m * step));
                self.part::<S>(&starts, &part, &mut scratch);
            }
        }
    }
}

/// A run of the summation, and its columns of B.
struct Part {
    block: Block,
    /// The first column of B.
    k0: usize,
    /// The number of columns of B.
    columns: usize,
    pairs: bool,
}

impl Run<'_, '_> {
    /// Adds one part of the summation to all columns. `starts` are the rows of A, for each of its segments.
    #[inline(always)]
    fn part<S: Simd>(&self, starts: &[*const f32], part: &Part, scratch: &mut Scratch) {
        let (p, m, width) = (self.product, self.product.out.len(), self.product.b.width());
        let pieces = m.div_ceil(S::ROWS).max(1);
        for panel in self.panels.clone() {
            let column = panel * width;
            let b = p.b.block(panel, part.k0, part.columns, scratch);
            let bias = match p.start {
                Start::Bias(bias) if part.k0 == 0 => bias[column..column + width].as_ptr(),
                _ => std::ptr::null(),
            };
            for piece in 0..pieces {
                let (from, to) = (m * piece / pieces, m * (piece + 1) / pieces);
                let tile = Tile {
                    rows: to - from,
                    width: width.min(p.b.n - column),
                    a: starts[from..].as_ptr(),
                    a_stride: m,
                    a_offset: part.block.offset,
                    a_step: 1,
                    pairs: part.pairs,
                    segments: part.block.segments,
                    depth: part.block.depth,
                    b,
                    b_step: width,
                    c: p.out[from..].as_ptr(),
                    c_offset: column,
                    bias,
                    accumulate: part.k0 > 0 || matches!(p.start, Start::Keep),
                };
                // SAFETY: `Product::run`'s caller vouches for the addresses, `dispatch` for `S`.
                unsafe { S::tile(&tile) };
            }
        }
    }

    /// Writes columns `range` of all rows of A to `to`, rounded to bf16, one row after the other. If their number is
    /// odd, a zero follows. Returns the addresses of the rows.
    #[inline(always)]
    fn narrow<S: Simd>(&self, range: Range<usize>, to: &mut [bf16]) -> Vec<*const f32> {
        let (p, m, step) = (self.product, self.product.out.len(), range.len().next_multiple_of(2));
        let mut starts = Vec::with_capacity(m);
        // These are loops because closures would not be compiled for the instructions of `S`.
        for (row, to) in to.chunks_exact_mut(step).enumerate() {
            let mut k = range.start;
            while k < range.end {
                let (segment, channel) = (k / p.channels, k % p.channels);
                let count = (p.channels - channel).min(range.end - k);
                let to = &mut to[k - range.start..][..count];
                // SAFETY: `Product::run`'s caller vouches for the rows of A.
                unsafe { S::narrow(p.rows[segment * m + row].add(channel), to.as_mut_ptr(), count) };
                k += count;
            }
            to[range.len()..].fill(bf16::ZERO);
            starts.push(to.as_ptr().cast());
        }
        starts
    }
}

/// A run of the summation: whole segments, or a part of one segment.
struct Block {
    first: usize,
    segments: usize,
    offset: usize,
    depth: usize,
}

/// Cuts `segments` of `channels` numbers into runs of at most [`DEPTH`], as even as possible.
fn blocks(segments: usize, channels: usize) -> impl Iterator<Item = Block> {
    let per_segment = channels.div_ceil(DEPTH);
    let groups = if per_segment > 1 { segments } else { (segments * channels).div_ceil(DEPTH) };
    (0..groups).flat_map(move |group| {
        let (first, end) = (segments * group / groups, segments * (group + 1) / groups);
        (0..per_segment).map(move |part| {
            let (from, to) = (channels * part / per_segment, channels * (part + 1) / per_segment);
            Block { first, segments: end - first, offset: from, depth: to - from }
        })
    })
}

/// Calls `work` with ranges of rows and panels that together cover a product, in parallel if the product is large.
/// The split may depend on the number of threads because no result depends on the split.
pub(crate) fn split(m: usize, b: View<'_>, work: impl Fn(Range<usize>, Range<usize>) + Sync) {
    let panels = b.count();
    if m == 0 || panels == 0 {
        return;
    }
    if m * b.n * b.k < SERIAL {
        for chunk in 0..m.div_ceil(CHUNK) {
            work(chunk * CHUNK..m.min((chunk + 1) * CHUNK), 0..panels);
        }
        return;
    }
    // Each piece turns the weights that it reads, which pays for more rows; and rounded rows are half as long.
    let most = if b.is_turned() && b.pairs() { 2 * CHUNK } else { CHUNK };
    let chunks = m.div_ceil(most);
    let chunk = m.div_ceil(chunks).next_multiple_of(MAX_ROWS);
    let chunks = m.div_ceil(chunk);
    let groups = (3 * rayon::current_num_threads()).div_ceil(chunks).clamp(1, panels);
    (0..chunks * groups).into_par_iter().for_each(|item| {
        let (row, group) = (item / groups, item % groups);
        work(row * chunk..m.min((row + 1) * chunk), panels * group / groups..panels * (group + 1) / groups);
    });
}

/// `A (m, k) Bᵀ` plus the bias, if there is one, as `(m, b.n)`. Several threads share the work.
pub(crate) fn matmul(a: &[f32], b: View<'_>, bias: Option<&[f32]>) -> Vec<f32> {
    let (m, k, n) = (a.len() / b.k, b.k, b.n);
    let start = bias.map_or(Start::Zero, Start::Bias);
    // SAFETY: `split` hands out disjoint parts that together cover C.
    unsafe {
        written(m * n, |out| {
            split(m, b, |rows, panels| {
                multiply(&a[rows.start * k..rows.end * k], b, start, out.offset(rows.start * n), panels)
            });
        })
    }
}

/// `C = A Bᵀ + start` for the columns of C in `panels`, on this thread. All rows are contiguous.
///
/// # Safety
/// `out` must have room for as many rows of `b.n` numbers as `a` has rows of `b.k` numbers, and nobody else may use the
/// columns.
pub(crate) unsafe fn multiply(a: &[f32], b: View<'_>, start: Start<'_>, out: Shared, panels: Range<usize>) {
    let rows: Vec<*const f32> = a.chunks_exact(b.k).map(<[f32]>::as_ptr).collect();
    let out: Vec<*mut f32> = (0..rows.len()).map(|r| out.at(r * b.n)).collect();
    let product = Product { rows: &rows, rounded: false, channels: b.k, b, out: &out, start };
    // SAFETY: rows have `b.k` numbers; the rest is the caller's promise.
    unsafe { product.run(panels) };
}
