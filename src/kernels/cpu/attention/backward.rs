//! The backward pass: scores again, then the gradients of queries, keys and values block by block.

use std::f32::consts::LOG2_E;

use super::gather::{Gather, Left, Order};
use super::tiles::{Small, multiply, scores};
use super::{Heads, KEYS, QUERIES};
use crate::kernels::cpu::aligned::Aligned;
use crate::kernels::cpu::fresh::Shared;
use crate::kernels::cpu::math::exp2;
use crate::kernels::cpu::simd::{Simd, Task};

/// One head of one image.
pub(super) struct Backward<'a> {
    pub(super) h: Heads,
    /// Image and head.
    pub(super) head: usize,
    pub(super) q: &'a [f32],
    pub(super) k: &'a [f32],
    pub(super) v: &'a [f32],
    pub(super) y: &'a [f32],
    pub(super) logs: &'a [f32],
    pub(super) grad: &'a [f32],
    pub(super) dq: Shared,
    pub(super) dk: Shared,
    pub(super) dv: Shared,
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
        let q = gather(self.q, of_queries, h.queries, Order::Tokens);
        let grad = gather(self.grad, of_queries, h.queries, Order::Tokens);
        let k = gather(self.k, of_keys, h.keys, Order::Tokens);
        let k_columns = gather(self.k, of_keys, h.keys, Order::Channels);
        let v_columns = gather(self.v, of_keys, h.keys, Order::Channels);
        let (mut q_left, mut grad_left) = (Left::new(&h), Left::new(&h));
        let mut dq = Aligned::zeros(QUERIES * padded);
        let mut dk = Aligned::zeros(h.keys * padded);
        let mut dv = Aligned::zeros(h.keys * padded);
        let dk_rows: Vec<*mut f32> = dk.chunks_exact_mut(padded).map(<[f32]>::as_mut_ptr).collect();
        let dv_rows: Vec<*mut f32> = dv.chunks_exact_mut(padded).map(<[f32]>::as_mut_ptr).collect();
        let dq_rows: Vec<*mut f32> = dq.chunks_exact_mut(padded).map(<[f32]>::as_mut_ptr).collect();
        // Weights P and, from dP, the gradient of the scores.
        let (mut p, mut ds) = (Scores::new(&h), Scores::new(&h));
        for first_query in (0..h.queries).step_by(QUERIES) {
            let count = (h.queries - first_query).min(QUERIES);
            let block = of_queries + first_query * channels;
            let q_rows = q_left.rows::<S>(&h, &self.q[block..], count);
            let grad_rows = grad_left.rows::<S>(&h, &self.grad[block..], count);
            // Per query, the dot product of result and gradient.
            let mut products = [0f32; QUERIES];
            for (i, product) in products.iter_mut().enumerate().take(count) {
                let [y, g] = [self.y, self.grad].map(|x| &x[block + i * channels..][..dim]);
                *product = y.iter().zip(g).map(|(y, g)| y * g).sum();
            }
            for row in &dq_rows[..count] {
                // SAFETY: a row of `dq`.
                unsafe { std::slice::from_raw_parts_mut(*row, padded) }.fill(0.);
            }
            let end = h.visible(first_query + count - 1, 0, h.keys);
            for first_key in (0..end).step_by(KEYS) {
                let keys = (end - first_key).min(KEYS);
                let sizes = (h.slots(dim), h.pairs);
                // SAFETY: rows of q and grad have `dim` numbers, rows of p and ds KEYS.
                unsafe {
                    scores::<S>(&q_rows[..count], &k_columns, sizes, first_key, keys, &p.rows()[..count]);
                    scores::<S>(&grad_rows[..count], &v_columns, sizes, first_key, keys, &ds.rows()[..count]);
                }
                for (i, product) in products.iter().enumerate().take(count) {
                    let (p, ds) = (p.row(i), ds.row(i));
                    let log = self.logs[self.head * h.queries + first_query + i];
                    let visible = h.visible(first_query + i, first_key, keys);
                    p[visible..].fill(0.);
                    ds[visible..].fill(0.);
                    for (p, ds) in p[..visible].iter_mut().zip(&mut ds[..visible]) {
                        *p = exp2::<S>(S::mul_add(*p, scale * LOG2_E, -log));
                        *ds = *p * (*ds - product) * scale;
                    }
                }
                let (rows, columns) = ds.left::<S>(&h, count, keys, true);
                let (_, p_columns) = p.left::<S>(&h, count, keys, false);
                let queries = h.slots(first_query) * padded..h.slots(first_query + count) * padded;
                let dq_part = Small {
                    a: &rows[..count],
                    a_step: 1,
                    depth: h.slots(keys),
                    b: k[h.slots(first_key) * padded..].as_ptr(),
                    b_step: padded,
                    c: &dq_rows[..count],
                    width: padded,
                    accumulate: true,
                    pairs: h.pairs,
                };
                let dk_part = Small {
                    a: &columns[..keys],
                    a_step: KEYS,
                    depth: h.slots(count),
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
                // SAFETY: rows of ds have `slots(keys)` places, columns of p and ds `slots(count)` KEYS apart; all other rows `padded`.
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

/// A block of scores `(QUERIES, KEYS)`; with pairs also rounded, in pairs of neighbouring keys and of neighbouring queries.
struct Scores {
    numbers: Aligned,
    by_keys: Aligned,
    by_queries: Aligned,
}

impl Scores {
    fn new(h: &Heads) -> Self {
        let half = || Aligned::zeros(if h.pairs { QUERIES * KEYS / 2 } else { 0 });
        Self { numbers: Aligned::zeros(QUERIES * KEYS), by_keys: half(), by_queries: half() }
    }

    fn rows(&mut self) -> [*mut f32; QUERIES] {
        let start = self.numbers.as_mut_ptr();
        std::array::from_fn(|i| start.wrapping_add(i * KEYS))
    }

    #[inline(always)]
    fn row(&mut self, i: usize) -> &mut [f32] {
        &mut self.numbers[i * KEYS..(i + 1) * KEYS]
    }

    /// The first `count` rows and `keys` columns as left-hand sides; rows only if asked for. Steps along columns are KEYS places.
    #[inline(always)]
    fn left<S: Simd>(
        &mut self,
        h: &Heads,
        count: usize,
        keys: usize,
        rows: bool,
    ) -> ([*const f32; QUERIES], [*const f32; KEYS]) {
        let Self { numbers, by_keys, by_queries } = self;
        if !h.pairs {
            let start = numbers.as_ptr();
            return (
                std::array::from_fn(|i| start.wrapping_add(i * KEYS)),
                std::array::from_fn(|key| start.wrapping_add(key)),
            );
        }
        if count % 2 == 1 {
            numbers[count * KEYS..][..KEYS].fill(0.);
        }
        let padded = keys.next_multiple_of(2);
        for i in 0..count {
            let row = &numbers[i * KEYS..][..KEYS];
            if rows {
                // SAFETY: KEYS numbers in half as many places.
                unsafe { S::narrow(row.as_ptr(), by_keys[i * KEYS / 2..].as_mut_ptr().cast(), padded) };
            }
            if i % 2 == 0 {
                let next = &numbers[(i + 1) * KEYS..][..KEYS];
                // SAFETY: rows of KEYS numbers.
                unsafe { S::pair_rows(row.as_ptr(), next.as_ptr(), by_queries[i / 2 * KEYS..].as_mut_ptr(), keys) };
            }
        }
        let (by_keys, by_queries) = (by_keys.as_ptr(), by_queries.as_ptr());
        (
            std::array::from_fn(|i| by_keys.wrapping_add(i * KEYS / 2)),
            std::array::from_fn(|key| by_queries.wrapping_add(key)),
        )
    }
}
