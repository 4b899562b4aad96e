//! Attention that never stores the scores whole ([FlashAttention](https://arxiv.org/abs/2205.14135)):
//! the forward pass keeps the log of each query's sum of exponentials, the backward pass recomputes.
//!
//! One head of one image at a time is copied to contiguous, padded memory; then everything is made of the
//! register tiles of the matrix product. A query's result does not depend on its neighbours.

use rayon::prelude::*;

use super::aligned::Aligned;
use super::fresh::{Shared, written};
use super::simd::dispatch;
use backward::Backward;
use forward::Forward;
use gather::{Gather, Order};

mod backward;
mod forward;
mod gather;
mod tiles;

/// Queries and keys whose scores are in cache together.
const QUERIES: usize = 48;
const KEYS: usize = 256;
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
    /// Round what is multiplied to bf16, two numbers in the place of one. Sums, exponentials and results stay f32.
    pub(crate) pairs: bool,
}

impl Heads {
    /// Places of `count` numbers along a sum.
    fn slots(&self, count: usize) -> usize {
        if self.pairs { count.div_ceil(2) } else { count }
    }

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

/// Result `(batch, queries, channels)` and the base-2 logarithm of the sum of exponentials of the scaled scores, `(batch, heads, queries)`.
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
    // SAFETY: the pieces are all heads of all queries.
    let y = unsafe { written(h.batch * h.queries * h.channels(), work) };
    (y, logs)
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
