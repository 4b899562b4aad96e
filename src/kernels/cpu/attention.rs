//! Attention that never stores the scores whole ([FlashAttention](https://arxiv.org/abs/2205.14135)):
//! the forward pass keeps the log of each query's sum of exponentials, the backward pass recomputes.
//!
//! One head of one image at a time is copied to contiguous, padded memory; then everything is made of the
//! register tiles of the matrix product. A query's result does not depend on its neighbours.

use rayon::prelude::*;

use super::aligned::Aligned;
use super::math::exp;
use super::product::{Shared, written};
use super::simd::{Simd, Task, dispatch};
use super::tile::Tile;

/// Queries and keys whose scores are in cache together.
const QUERIES: usize = 48;
const KEYS: usize = 128;
/// Queries of one piece of work of the forward pass.
const PIECE: usize = 192;

/// Sizes of one call; `channels = heads · head_dim`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) batch: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    pub(crate) heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) causal: bool,
}

impl Heads {
    fn channels(&self) -> usize {
        self.heads * self.head_dim
    }

    fn scale(&self) -> f32 {
        1. / (self.head_dim as f32).sqrt()
    }

    /// How many of the keys from `first` to `first + count` query `t` sees.
    fn visible(&self, t: usize, first: usize, count: usize) -> usize {
        if self.causal { (t + 1).saturating_sub(first).min(count) } else { count }
    }

    /// Where head `head` of image `image` starts in a tensor of `tokens` tokens.
    fn start(&self, image: usize, head: usize, tokens: usize) -> usize {
        image * tokens * self.channels() + head * self.head_dim
    }
}

/// Result `(batch, queries, channels)` and log-sum-exp `(batch, heads, queries)` of the scaled scores.
pub(crate) fn forward(h: &Heads, q: &[f32], k: &[f32], v: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut logs = vec![0f32; h.batch * h.heads * h.queries];
    let logs_start = Shared::new(&mut logs);
    let heads: Vec<(Aligned, Aligned)> = (0..h.batch * h.heads)
        .into_par_iter()
        .map(|item| {
            let start = h.start(item / h.heads, item % h.heads, h.keys);
            let gather = |from, transposed| dispatch(Gather { from, h: *h, tokens: h.keys, transposed });
            (gather(&k[start..], true), gather(&v[start..], false))
        })
        .collect();
    let pieces = h.queries.div_ceil(PIECE);
    let work = |y: Shared| {
        (0..h.batch * h.heads * pieces).into_par_iter().for_each(|item| {
            let (head, first) = (item / pieces, item % pieces * PIECE);
            let (keys, values) = &heads[head];
            let queries = first..h.queries.min(first + PIECE);
            dispatch(Forward { h: *h, head, queries, q, keys, values, y, logs: logs_start });
        });
    };
    // SAFETY: the pieces are all heads of all queries.
    let y = unsafe { written(h.batch * h.queries * h.channels(), work) };
    (y, logs)
}

/// Copies one head out of `(tokens, channels)`: as rows of whole vectors, or as panels of columns.
struct Gather<'a> {
    from: &'a [f32],
    h: Heads,
    tokens: usize,
    transposed: bool,
}

impl Task for Gather<'_> {
    type Output = Aligned;
    #[inline(always)]
    fn run<S: Simd>(self) -> Aligned {
        let (dim, channels) = (self.h.head_dim, self.h.channels());
        if self.transposed {
            // `[panel of 2·LANES tokens][channel][token]`.
            let width = 2 * S::LANES;
            let mut to = Aligned::zeros(self.tokens.div_ceil(width) * width * dim);
            for token in 0..self.tokens {
                let panel = &mut to[token / width * width * dim..][..width * dim];
                for (i, number) in self.from[token * channels..][..dim].iter().enumerate() {
                    panel[i * width + token % width] = *number;
                }
            }
            to
        } else {
            let padded = dim.next_multiple_of(S::LANES);
            let mut to = Aligned::zeros(self.tokens * padded);
            for (token, row) in to.chunks_exact_mut(padded).enumerate() {
                row[..dim].copy_from_slice(&self.from[token * channels..][..dim]);
            }
            to
        }
    }
}

/// `C (rows, width) = A B (+ C)` in cache: A's row `r` starts at `a[r]` with steps of `a_step`, B's rows are
/// `b_step` apart, C's rows start at `c[r]`.
struct Small<'a> {
    a: &'a [*const f32],
    a_step: usize,
    depth: usize,
    b: *const f32,
    b_step: usize,
    c: &'a [*mut f32],
    width: usize,
    accumulate: bool,
}

/// # Safety
/// All addresses are valid, B's rows up to a whole vector beyond `width`; `S` exists.
#[inline(always)]
unsafe fn multiply<S: Simd>(m: &Small<'_>) {
    let rows = m.c.len();
    let pieces = rows.div_ceil(S::ROWS);
    for column in (0..m.width).step_by(2 * S::LANES) {
        for piece in 0..pieces {
            let (from, to) = (rows * piece / pieces, rows * (piece + 1) / pieces);
            let tile = Tile {
                rows: to - from,
                width: (m.width - column).min(2 * S::LANES),
                a: m.a[from..].as_ptr(),
                a_stride: 0,
                a_offset: 0,
                a_step: m.a_step,
                segments: 1,
                depth: m.depth,
                b: m.b.wrapping_add(column),
                b_step: m.b_step,
                c: m.c[from..].as_ptr(),
                c_offset: column,
                bias: std::ptr::null(),
                accumulate: m.accumulate,
            };
            // SAFETY: the caller's promise.
            unsafe { S::tile(&tile) };
        }
    }
}

/// Scores of `rows` queries with keys `first..first + count` against transposed keys, into rows of [`KEYS`].
///
/// # Safety
/// As for [`multiply`].
#[inline(always)]
unsafe fn scores<S: Simd>(
    rows: &[*const f32],
    keys: &Aligned,
    dim: usize,
    first: usize,
    count: usize,
    to: &[*mut f32],
) {
    let width = 2 * S::LANES;
    let mut shifted = [std::ptr::null_mut(); QUERIES];
    for offset in (0..count).step_by(width) {
        let panel = &keys[(first + offset) / width * width * dim..][..width * dim];
        for (shifted, to) in shifted.iter_mut().zip(to) {
            *shifted = to.wrapping_add(offset);
        }
        let c = &shifted[..to.len()];
        // The columns beyond `count` are zeros of the padding; C has room for them.
        let m = Small { a: rows, a_step: 1, depth: dim, b: panel.as_ptr(), b_step: width, c, width, accumulate: false };
        // SAFETY: the caller's promise; `first` is a multiple of KEYS and so of `width`.
        unsafe { multiply::<S>(&m) };
    }
}

struct Forward<'a> {
    h: Heads,
    /// Image and head.
    head: usize,
    queries: std::ops::Range<usize>,
    q: &'a [f32],
    keys: &'a Aligned,
    values: &'a Aligned,
    y: Shared,
    logs: Shared,
}

impl Task for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let h = self.h;
        let (dim, padded) = (h.head_dim, h.head_dim.next_multiple_of(S::LANES));
        let start = h.start(self.head / h.heads, self.head % h.heads, h.queries);
        let scale = h.scale();
        let mut block = Aligned::zeros(QUERIES * KEYS);
        let mut sums = Aligned::zeros(QUERIES * padded);
        for first_query in self.queries.clone().step_by(QUERIES) {
            let count = (self.queries.end - first_query).min(QUERIES);
            let mut maximum = [f32::NEG_INFINITY; QUERIES];
            let mut total = [0f32; QUERIES];
            sums.fill(0.);
            let mut queries = [std::ptr::null::<f32>(); QUERIES];
            let mut rows = [std::ptr::null_mut::<f32>(); QUERIES];
            let mut weights = [std::ptr::null::<f32>(); QUERIES];
            let mut outputs = [std::ptr::null_mut::<f32>(); QUERIES];
            for i in 0..count {
                queries[i] = self.q[start + (first_query + i) * h.channels()..][..dim].as_ptr();
                rows[i] = block[i * KEYS..].as_mut_ptr();
                weights[i] = rows[i];
                outputs[i] = sums[i * padded..].as_mut_ptr();
            }
            let end = h.visible(first_query + count - 1, 0, h.keys);
            for first_key in (0..end).step_by(KEYS) {
                let keys = (end - first_key).min(KEYS);
                // SAFETY: queries are slices of `dim` numbers, rows have KEYS numbers.
                unsafe { scores::<S>(&queries[..count], self.keys, dim, first_key, keys, &rows[..count]) };
                for i in 0..count {
                    // SAFETY: row `i` of `block`, which nobody else looks at meanwhile.
                    let row = unsafe { std::slice::from_raw_parts_mut(rows[i], keys) };
                    let visible = h.visible(first_query + i, first_key, keys);
                    row[visible..].fill(0.);
                    if visible == 0 {
                        continue;
                    }
                    let row = &mut row[..visible];
                    let largest = maximum[i].max(largest(row) * scale);
                    if largest > maximum[i] {
                        // SAFETY: row `i` of `sums`.
                        let sums = unsafe { std::slice::from_raw_parts_mut(outputs[i], padded) };
                        let factor = exp::<S>(maximum[i] - largest);
                        total[i] *= factor;
                        sums.iter_mut().for_each(|x| *x *= factor);
                        maximum[i] = largest;
                    }
                    for x in row.iter_mut() {
                        *x = exp::<S>(S::mul_add(*x, scale, -largest));
                    }
                    total[i] += sum(row);
                }
                let values = &self.values[first_key * padded..(first_key + keys) * padded];
                let m = Small {
                    a: &weights[..count],
                    a_step: 1,
                    depth: keys,
                    b: values.as_ptr(),
                    b_step: padded,
                    c: &outputs[..count],
                    width: padded,
                    accumulate: true,
                };
                // SAFETY: weights have `keys` numbers, values and outputs rows of `padded`.
                unsafe { multiply::<S>(&m) };
            }
            for i in 0..count {
                let query = first_query + i;
                // SAFETY: every query of every head belongs to exactly one piece of work.
                let y = unsafe { std::slice::from_raw_parts_mut(self.y.at(start + query * h.channels()), dim) };
                let inverse = 1. / total[i];
                for (y, sum) in y.iter_mut().zip(&sums[i * padded..]) {
                    *y = sum * inverse;
                }
                // SAFETY: as above.
                unsafe { *self.logs.at(self.head * h.queries + query) = maximum[i] + total[i].ln() };
            }
        }
    }
}

/// Gradients of q, k and v, each `(batch, tokens, channels)`.
pub(crate) fn backward(h: &Heads, [q, k, v]: [&[f32]; 3], y: &[f32], logs: &[f32], grad: &[f32]) -> [Vec<f32>; 3] {
    let work = |dq: Shared, dk: Shared, dv: Shared| {
        (0..h.batch * h.heads).into_par_iter().for_each(|head| {
            dispatch(Backward { h: *h, head, q, k, v, y, logs, grad, dq, dk, dv });
        });
    };
    // SAFETY: the heads' parts are all of q, k and v.
    unsafe {
        let (mut dk, mut dv) = (Vec::new(), Vec::new());
        let dq = written(q.len(), |dq| {
            dk = written(k.len(), |dk| dv = written(v.len(), |dv| work(dq, dk, dv)));
        });
        [dq, dk, dv]
    }
}

struct Backward<'a> {
    h: Heads,
    /// Image and head.
    head: usize,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    y: &'a [f32],
    logs: &'a [f32],
    grad: &'a [f32],
    dq: Shared,
    dk: Shared,
    dv: Shared,
}

impl Task for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let h = self.h;
        let (dim, padded, channels) = (h.head_dim, h.head_dim.next_multiple_of(S::LANES), h.channels());
        let of_queries = h.start(self.head / h.heads, self.head % h.heads, h.queries);
        let of_keys = h.start(self.head / h.heads, self.head % h.heads, h.keys);
        let scale = h.scale();
        let gather = |from: &[f32], start: usize, tokens: usize, transposed: bool| {
            Gather { from: &from[start..], h, tokens, transposed }.run::<S>()
        };
        let q = gather(self.q, of_queries, h.queries, false);
        let grad = gather(self.grad, of_queries, h.queries, false);
        let k = gather(self.k, of_keys, h.keys, false);
        let (k_columns, v_columns) = (gather(self.k, of_keys, h.keys, true), gather(self.v, of_keys, h.keys, true));
        let mut dq = Aligned::zeros(QUERIES * padded);
        let mut dk = Aligned::zeros(h.keys * padded);
        let mut dv = Aligned::zeros(h.keys * padded);
        let dk_rows: Vec<*mut f32> = dk.chunks_exact_mut(padded).map(<[f32]>::as_mut_ptr).collect();
        let dv_rows: Vec<*mut f32> = dv.chunks_exact_mut(padded).map(<[f32]>::as_mut_ptr).collect();
        // Weights P and, from dP, the gradient of the scores.
        let mut p = Aligned::zeros(QUERIES * KEYS);
        let mut ds = Aligned::zeros(QUERIES * KEYS);
        let p_rows: Vec<*mut f32> = p.chunks_exact_mut(KEYS).map(<[f32]>::as_mut_ptr).collect();
        let ds_rows: Vec<*mut f32> = ds.chunks_exact_mut(KEYS).map(<[f32]>::as_mut_ptr).collect();
        let ds_starts: Vec<*const f32> = ds_rows.iter().map(|row| row.cast_const()).collect();
        let dq_rows: Vec<*mut f32> = dq.chunks_exact_mut(padded).map(<[f32]>::as_mut_ptr).collect();
        let p_columns: Vec<*const f32> = (0..KEYS).map(|i| p_rows[0].wrapping_add(i).cast_const()).collect();
        let ds_columns: Vec<*const f32> = (0..KEYS).map(|i| ds_rows[0].wrapping_add(i).cast_const()).collect();
        for first_query in (0..h.queries).step_by(QUERIES) {
            let count = (h.queries - first_query).min(QUERIES);
            let mut q_rows = [std::ptr::null::<f32>(); QUERIES];
            let mut grad_rows = [std::ptr::null::<f32>(); QUERIES];
            // Per query, the dot product of result and gradient.
            let mut products = [0f32; QUERIES];
            for i in 0..count {
                q_rows[i] = q[(first_query + i) * padded..][..padded].as_ptr();
                let g = &grad[(first_query + i) * padded..][..padded];
                grad_rows[i] = g.as_ptr();
                let y = &self.y[of_queries + (first_query + i) * channels..][..dim];
                products[i] = y.iter().zip(g).map(|(y, g)| y * g).sum();
            }
            for row in &dq_rows[..count] {
                // SAFETY: a row of `dq`.
                unsafe { std::slice::from_raw_parts_mut(*row, padded) }.fill(0.);
            }
            let end = h.visible(first_query + count - 1, 0, h.keys);
            for first_key in (0..end).step_by(KEYS) {
                let keys = (end - first_key).min(KEYS);
                // SAFETY: rows of q and grad have `padded ≥ dim` numbers, rows of p and ds KEYS.
                unsafe {
                    scores::<S>(&q_rows[..count], &k_columns, dim, first_key, keys, &p_rows[..count]);
                    scores::<S>(&grad_rows[..count], &v_columns, dim, first_key, keys, &ds_rows[..count]);
                }
                for i in 0..count {
                    // SAFETY: row `i` of `p` and of `ds`; no other reference exists meanwhile.
                    let (p, ds) = unsafe {
                        (
                            std::slice::from_raw_parts_mut(p_rows[i], keys),
                            std::slice::from_raw_parts_mut(ds_rows[i], keys),
                        )
                    };
                    let log = self.logs[self.head * h.queries + first_query + i];
                    let visible = h.visible(first_query + i, first_key, keys);
                    p[visible..].fill(0.);
                    ds[visible..].fill(0.);
                    for (p, ds) in p[..visible].iter_mut().zip(&mut ds[..visible]) {
                        *p = exp::<S>(S::mul_add(*p, scale, -log));
                        *ds = *p * (*ds - products[i]) * scale;
                    }
                }
                let queries = first_query * padded..(first_query + count) * padded;
                let dq_part = Small {
                    a: &ds_starts[..count],
                    a_step: 1,
                    depth: keys,
                    b: k[first_key * padded..(first_key + keys) * padded].as_ptr(),
                    b_step: padded,
                    c: &dq_rows[..count],
                    width: padded,
                    accumulate: true,
                };
                let dk_part = Small {
                    a: &ds_columns[..keys],
                    a_step: KEYS,
                    depth: count,
                    b: q[queries.clone()].as_ptr(),
                    c: &dk_rows[first_key..first_key + keys],
                    ..dq_part
                };
                let dv_part = Small {
                    a: &p_columns[..keys],
                    b: grad[queries].as_ptr(),
                    c: &dv_rows[first_key..first_key + keys],
                    ..dk_part
                };
                // SAFETY: columns of p and ds have `count` numbers KEYS apart; all other rows `padded`.
                unsafe {
                    multiply::<S>(&dq_part);
                    multiply::<S>(&dk_part);
                    multiply::<S>(&dv_part);
                }
            }
            for (i, row) in dq_rows[..count].iter().enumerate() {
                let to = self.dq.at(of_queries + (first_query + i) * channels);
                // SAFETY: a row of `dq` goes to this head's part of one query.
                unsafe { std::ptr::copy_nonoverlapping(*row, to, dim) };
            }
        }
        for (rows, to) in [(dk_rows, self.dk), (dv_rows, self.dv)] {
            for (token, row) in rows.into_iter().enumerate() {
                // SAFETY: a row of `dk` or `dv` goes to this head's part of one key.
                unsafe { std::ptr::copy_nonoverlapping(row, to.at(of_keys + token * channels), dim) };
            }
        }
    }
}

/// The largest number, in interleaved chains that vectorise.
#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    let mut chains = [f32::NEG_INFINITY; 16];
    let whole = row.len() - row.len() % 16;
    for part in row[..whole].chunks_exact(16) {
        chains.iter_mut().zip(part).for_each(|(c, &x)| *c = if x > *c { x } else { *c });
    }
    chains.into_iter().chain(row[whole..].iter().copied()).fold(f32::NEG_INFINITY, f32::max)
}

/// The sum, in interleaved chains that vectorise.
#[inline(always)]
fn sum(row: &[f32]) -> f32 {
    let mut chains = [0f32; 16];
    let whole = row.len() - row.len() % 16;
    for part in row[..whole].chunks_exact(16) {
        chains.iter_mut().zip(part).for_each(|(c, x)| *c += x);
    }
    chains.into_iter().sum::<f32>() + row[whole..].iter().sum::<f32>()
}
