//! The forward pass: blocks of scores, a running softmax, and a running sum of values.

use std::f32::consts::LOG2_E;

use rayon::prelude::*;

use super::gather::{Gather, Left, Order};
use super::tiles::{KEYS, QUERIES, Small, exponentials, largest, multiply, scores};
use crate::kernels::cpu::math::exp2;
use crate::kernels::host::aligned::Aligned;
use crate::kernels::host::fresh::{Shared, written};
use crate::kernels::layers::heads::Heads;
use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};

/// The queries in one piece of work.
pub(super) const PIECE: usize = 192;

/// Computes the result `(batch, queries, channels)`, and the base-2 logarithm of the sum of the exponentials of the
/// scaled scores `(batch, heads, queries)`.
pub(crate) fn forward(h: &Heads, q: &[f32], k: &[f32], v: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut logs = vec![0f32; h.batch * h.heads * h.queries];
    let logs_start = Shared::new(&mut logs);
    let heads: Vec<(Aligned, Aligned)> = (0..h.batch * h.heads)
        .into_par_iter()
        .map(|item| {
            let start = h.start(item / h.heads, item % h.heads, h.keys);
            let gather = |from, order| dispatch(Gather { from, h: *h, tokens: h.keys, order });
            (gather(&k[start..], Order::Channels), gather(&v[start..], Order::Tokens))
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
    // SAFETY: the pieces cover all queries of all heads.
    let y = unsafe { written(h.batch * h.queries * h.channels(), work) };
    (y, logs)
}

/// The work for some queries of one head.
struct Forward<'a> {
    h: Heads,
    /// The index of image and head.
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
        // The exponentials are powers of two: `e^(score / √dim) = 2^(scale · score)`.
        let scale = h.scale() * LOG2_E;
        let count = self.queries.len();
        let mut block: Aligned = Aligned::zeros(QUERIES * KEYS);
        let mut rounded: Aligned = Aligned::zeros(if h.pairs { QUERIES * KEYS / 2 } else { 0 });
        let (block, rounded) = (block.as_mut_ptr(), rounded.as_mut_ptr());
        let rows: [*mut f32; QUERIES] = std::array::from_fn(|i| block.wrapping_add(i * KEYS));
        let places = if h.pairs { (rounded, KEYS / 2) } else { (block, KEYS) };
        let weights: [*const f32; QUERIES] = std::array::from_fn(|i| places.0.wrapping_add(i * places.1).cast_const());
        let mut sums = Aligned::zeros(count * padded);
        let outputs: Vec<*mut f32> = sums.chunks_exact_mut(padded).map(<[f32]>::as_mut_ptr).collect();
        let (mut maximum, mut total) = (vec![f32::NEG_INFINITY; count], vec![0f32; count]);
        let mut left = Left::new(&h);
        // The outer loop goes over keys: a block of them stays in L2 while all queries pass.
        for first_key in (0..h.keys).step_by(KEYS) {
            for first in (0..count).step_by(QUERIES) {
                let (end, first_query) = (count.min(first + QUERIES), self.queries.start + first);
                let count = end - first;
                let keys = h.visible(first_query + count - 1, first_key, (h.keys - first_key).min(KEYS));
                if keys == 0 {
                    continue;
                }
                let (slots, padded_keys) = (h.slots(keys), if h.pairs { keys.next_multiple_of(2) } else { keys });
                let queries = left.rows::<S>(&h, &self.q[start + first_query * h.channels()..], count);
                // SAFETY: queries are rows of `dim` numbers, and `rows` have KEYS numbers.
                unsafe {
                    scores::<S>(&queries[..count], self.keys, (h.slots(dim), h.pairs), first_key, keys, &rows[..count]);
                }
                for (i, &row) in rows[..count].iter().enumerate() {
                    // SAFETY: this is row `i` of `block`, which nobody else uses in the meantime.
                    let row = unsafe { std::slice::from_raw_parts_mut(row, padded_keys) };
                    let visible = h.visible(first_query + i, first_key, keys);
                    row[visible..].fill(0.);
                    let (seen, i) = (&mut row[..visible], first + i);
                    let largest = maximum[i].max(largest(seen) * scale);
                    if largest > maximum[i] {
                        // SAFETY: this is row `i` of `sums`.
                        let sums = unsafe { std::slice::from_raw_parts_mut(outputs[i], padded) };
                        let factor = exp2::<S>(maximum[i] - largest);
                        total[i] *= factor;
                        sums.iter_mut().for_each(|x| *x *= factor);
                        maximum[i] = largest;
                    }
                    total[i] += exponentials::<S>(seen, scale, -largest);
                    if h.pairs {
                        // SAFETY: a row of `rounded` has room for KEYS numbers.
                        unsafe { S::narrow(row.as_ptr(), weights[i - first].cast_mut().cast(), padded_keys) };
                    }
                }
                let values = &self.values[h.slots(first_key) * padded..][..slots * padded];
                let m = Small {
                    a: &weights[..count],
                    a_step: 1,
                    depth: slots,
                    b: values.as_ptr(),
                    b_step: padded,
                    c: &outputs[first..end],
                    width: padded,
                    accumulate: true,
                    pairs: h.pairs,
                };
                // SAFETY: weights have `slots` places, values and outputs rows of `padded`.
                unsafe { multiply::<S>(&m) };
            }
        }
        for (i, query) in self.queries.clone().enumerate() {
            let y = self.y.at(start + query * h.channels());
            let inverse = 1. / total[i];
            for c in 0..dim {
                // SAFETY: every query of every head belongs to exactly one piece of work.
                unsafe { *y.add(c) = *outputs[i].add(c) * inverse };
            }
            // SAFETY: as above.
            unsafe { *self.logs.at(self.head * h.queries + query) = maximum[i] + total[i].log2() };
        }
    }
}
