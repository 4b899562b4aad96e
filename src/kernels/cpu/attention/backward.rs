//! The backward pass: it computes the scores again, then the gradients of queries, keys and values, block by block.

use std::f32::consts::LOG2_E;

use rayon::prelude::*;

use super::gather::{Gather, Left, Order};
use super::scores::Scores;
use super::tiles::{KEYS, QUERIES, Small, dot, multiply, scores};
use crate::kernels::cpu::math::exp2;
use crate::kernels::host::aligned::Aligned;
use crate::kernels::host::fresh::{Shared, written};
use crate::kernels::layers::heads::Heads;
use crate::kernels::simd::dispatch::dispatch;
use crate::kernels::simd::instructions::{Simd, Task};

/// The gradients of q, k and v, each `(batch, tokens, channels)`.
pub(crate) fn backward(h: &Heads, [q, k, v]: [&[f32]; 3], y: &[f32], logs: &[f32], grad: &[f32]) -> [Vec<f32>; 3] {
    let work = |dq: Shared, dk: Shared, dv: Shared| {
        (0..h.batch * h.heads).into_par_iter().for_each(|head| {
            dispatch(Backward { h: *h, head, q, k, v, y, logs, grad, dq, dk, dv });
        });
    };
    // SAFETY: the parts of the heads cover q, k and v.
    unsafe {
        let (mut dk, mut dv) = (Vec::new(), Vec::new());
        let dq = written(q.len(), |dq| {
            dk = written(k.len(), |dk| dv = written(v.len(), |dv| work(dq, dk, dv)));
        });
        [dq, dk, dv]
    }
}

/// The work for one head of one image.
struct Backward<'a> {
    h: Heads,
    /// The index of image and head.
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
        let gather = |from: &[f32], start: usize, tokens: usize, order: Order| {
            Gather { from: &from[start..], h, tokens, order }.run::<S>()
        };
        let k = gather(self.k, of_keys, h.keys, Order::Tokens);
        let k_columns = gather(self.k, of_keys, h.keys, Order::Channels);
        let v_columns = gather(self.v, of_keys, h.keys, Order::Channels);
        let q = Columns::new::<S>(&h, &self.q[of_queries..]);
        let grad = Columns::new::<S>(&h, &self.grad[of_queries..]);
        let (mut q_left, mut grad_left) = (Left::new(&h), Left::new(&h));
        // For each query, the dot product of result and gradient.
        let mut products = vec![0f32; h.queries];
        for (i, product) in products.iter_mut().enumerate() {
            let [y, g] = [self.y, self.grad].map(|x| &x[of_queries + i * channels..][..dim]);
            *product = dot::<S>(y, g);
        }
        let mut dq = Aligned::zeros(h.queries * padded);
        let dq_rows: Vec<*mut f32> = dq.chunks_exact_mut(padded).map(<[f32]>::as_mut_ptr).collect();
        // The gradients of one block of keys lie channel by channel, so that their width is a multiple of any vector's.
        let (mut dk, mut dv) = (Aligned::zeros(dim * KEYS), Aligned::zeros(dim * KEYS));
        let dk_rows: Vec<*mut f32> = dk.chunks_exact_mut(KEYS).map(<[f32]>::as_mut_ptr).collect();
        let dv_rows: Vec<*mut f32> = dv.chunks_exact_mut(KEYS).map(<[f32]>::as_mut_ptr).collect();
        // The weights P, and dP, which becomes the gradient of the scores.
        let (mut p, mut ds) = (Scores::new(&h), Scores::new(&h));
        // The outer loop goes over keys: what belongs to a block of them stays in L2 while all queries pass.
        for first_key in (0..h.keys).step_by(KEYS) {
            for row in dk_rows.iter().chain(&dv_rows) {
                // SAFETY: this is a row of `dk` or `dv`.
                unsafe { row.write_bytes(0, KEYS) };
            }
            for first_query in (0..h.queries).step_by(QUERIES) {
                let count = (h.queries - first_query).min(QUERIES);
                let keys = h.visible(first_query + count - 1, first_key, (h.keys - first_key).min(KEYS));
                if keys == 0 {
                    continue;
                }
                let block = of_queries + first_query * channels;
                let q_rows = q_left.rows::<S>(&h, &self.q[block..], count);
                let grad_rows = grad_left.rows::<S>(&h, &self.grad[block..], count);
                let sizes = (h.slots(dim), h.pairs);
                // SAFETY: rows of q and grad have `dim` numbers, rows of p and ds KEYS.
                unsafe {
                    scores::<S>(&q_rows[..count], &k_columns, sizes, first_key, keys, &p.rows()[..count]);
                    scores::<S>(&grad_rows[..count], &v_columns, sizes, first_key, keys, &ds.rows()[..count]);
                }
                for i in 0..count {
                    let (p, ds) = (p.row(i), ds.row(i));
                    let product = products[first_query + i];
                    let log = self.logs[self.head * h.queries + first_query + i];
                    let visible = h.visible(first_query + i, first_key, keys);
                    p[visible..].fill(0.);
                    ds[visible..].fill(0.);
                    for (p, ds) in p[..visible].iter_mut().zip(&mut ds[..visible]) {
                        *p = exp2::<S>(S::mul_add(*p, scale * LOG2_E, -log));
                        *ds = *p * (*ds - product) * scale;
                    }
                }
                let by_keys = ds.by_keys::<S>(&h, count, keys);
                let dq_part = Small {
                    a: &by_keys[..count],
                    a_step: 1,
                    depth: h.slots(keys),
                    b: k[h.slots(first_key) * padded..].as_ptr(),
                    b_step: padded,
                    c: &dq_rows[first_query..first_query + count],
                    width: padded,
                    accumulate: true,
                    pairs: h.pairs,
                };
                let (q_columns, grad_columns) = (q.rows(&h, first_query), grad.rows(&h, first_query));
                let dk_part = Small {
                    a: &q_columns,
                    a_step: q.step,
                    depth: h.slots(count),
                    b: ds.by_queries::<S>(&h, count, keys),
                    b_step: KEYS,
                    c: &dk_rows,
                    width: keys,
                    ..dq_part
                };
                let dv_part = Small {
                    a: &grad_columns,
                    a_step: grad.step,
                    b: p.by_queries::<S>(&h, count, keys),
                    c: &dv_rows,
                    ..dk_part
                };
                // SAFETY: `by_keys` has `slots(keys)` places in a row, `by_queries` has rows of KEYS places, and q and
                // grad have `slots(count)` more tokens.
                unsafe {
                    multiply::<S>(&dq_part);
                    multiply::<S>(&dk_part);
                    multiply::<S>(&dv_part);
                }
            }
            for (rows, to) in [(&dk_rows, self.dk), (&dv_rows, self.dv)] {
                for key in 0..(h.keys - first_key).min(KEYS) {
                    let start = of_keys + (first_key + key) * channels;
                    for (c, row) in rows.iter().enumerate() {
                        // SAFETY: this is the head's part of one key; rows have KEYS numbers.
                        unsafe { *to.at(start + c) = *row.add(key) };
                    }
                }
            }
        }
        for (query, row) in dq_rows.iter().enumerate() {
            // SAFETY: a row of `dq` goes to this head's part of one query.
            unsafe { std::ptr::copy_nonoverlapping(*row, self.dq.at(of_queries + query * channels), dim) };
        }
    }
}

/// The left-hand side of a product that sums over tokens: its rows are the channels of one head.
struct Columns<'a> {
    /// The numbers, beginning with the head's first one.
    from: &'a [f32],
    /// The numbers in pairs of neighbouring tokens.
    pairs: Aligned,
    step: usize,
}

impl<'a> Columns<'a> {
    #[inline(always)]
    fn new<S: Simd>(h: &Heads, from: &'a [f32]) -> Self {
        if h.pairs {
            let pairs = Gather { from, h: *h, tokens: h.queries, order: Order::Tokens }.run::<S>();
            Self { from, pairs, step: h.head_dim.next_multiple_of(S::LANES) }
        } else {
            Self { from, pairs: Aligned::default(), step: h.channels() }
        }
    }

    /// The addresses of the rows, beginning with token `first`. Neighbouring tokens are `step` places apart.
    fn rows(&self, h: &Heads, first: usize) -> Vec<*const f32> {
        let numbers = if h.pairs { &self.pairs } else { self.from };
        let start = numbers[h.slots(first) * self.step..].as_ptr();
        (0..h.head_dim).map(|c| start.wrapping_add(c)).collect()
    }
}
