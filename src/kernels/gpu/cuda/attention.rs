//! Attention by products of cuBLAS, for some heads of an image at a time, or for some queries of a head. The backward
//! pass computes the weights again ([FlashAttention-2](https://arxiv.org/abs/2307.08691), section 2.3.2, without its
//! tiles).

use candle_core::{DType, Result, Tensor};

use super::address::{address, device};
use super::gemm::{Matrix, Sizes, multiply};
use super::launch::{Argument, Grid, int, kernel, launch};
use super::output::{output, output_of};
use crate::kernels::layers::heads::{Heads, SCORES_AT_ONCE};

/// See [`attention`](crate::kernels::attention()). Scores are f32. Weights and their gradients are rounded to the dtype
/// of `q`.
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    let (q, k, v) = (q.contiguous()?, k.to_dtype(q.dtype())?.contiguous()?, v.to_dtype(q.dtype())?.contiguous()?);
    let arguments = [q.detach(), k.detach(), v.detach()];
    let wanted = [q.track_op(), k.track_op(), v.track_op()];
    let y = output_of([&q, &k, &v], q.shape(), move |grad| {
        let gradients = backward(&heads, &arguments, grad)?;
        let mut wanted = wanted.into_iter();
        Ok(gradients.map(|gradient| wanted.next().unwrap_or(false).then_some(gradient)))
    })?;
    for part in parts(&heads) {
        let weights = part.weights(&heads, &q, &k)?;
        let product = (part.scores(&weights, &heads)?, part.of_keys(&v, &heads)?);
        let sizes = Sizes { m: part.queries, n: heads.head_dim, k: heads.keys, count: part.heads };
        // SAFETY: `Heads::of` has checked the sizes of the tensors.
        unsafe { multiply(device(&q)?, sizes, 1., product, 0., part.of_queries(&y, &heads)?)? };
    }
    Ok(y)
}

/// A piece of work: some heads of one image with all their queries, or some queries of one head.
#[derive(Clone, Copy, Debug)]
struct Part {
    image: usize,
    head: usize,
    heads: usize,
    query: usize,
    queries: usize,
}

/// The pieces that cover all heads of all images. The queries of a head come in order.
fn parts(h: &Heads) -> Vec<Part> {
    let heads = (SCORES_AT_ONCE / (h.queries * h.keys).max(1)).clamp(1, h.heads);
    let queries = (SCORES_AT_ONCE / (heads * h.keys).max(1)).clamp(1, h.queries.max(1));
    let mut parts = Vec::new();
    for image in 0..h.batch {
        for head in (0..h.heads).step_by(heads) {
            for query in (0..h.queries).step_by(queries) {
                let (heads, queries) = (heads.min(h.heads - head), queries.min(h.queries - query));
                parts.push(Part { image, head, heads, query, queries });
            }
        }
    }
    parts
}

impl Part {
    /// One matrix `(tokens, head_dim)` for each of these heads in `x` `(batch, tokens, heads · head_dim)`, beginning
    /// with token `first` of the image.
    fn of(&self, x: &Tensor, h: &Heads, tokens: usize, first: usize) -> Result<Matrix> {
        let row = h.heads * h.head_dim;
        let start = (self.image * tokens + first) * row + self.head * h.head_dim;
        Ok(Matrix::new(x, row)?.from(start).each(h.head_dim))
    }

    /// The rows of these queries, in queries, results or gradients.
    fn of_queries(&self, x: &Tensor, h: &Heads) -> Result<Matrix> {
        self.of(x, h, h.queries, self.query)
    }

    /// The rows of all keys or values.
    fn of_keys(&self, x: &Tensor, h: &Heads) -> Result<Matrix> {
        self.of(x, h, h.keys, 0)
    }

    /// Scores or weights: one matrix `(queries, keys)` for each head.
    fn scores(&self, x: &Tensor, h: &Heads) -> Result<Matrix> {
        Ok(Matrix::new(x, h.keys)?.each(self.queries * h.keys))
    }

    /// `a bᵀ` for each head, `(heads, queries, keys)` f32.
    fn products(&self, h: &Heads, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let y = output(a, (self.heads, self.queries, h.keys), DType::F32)?;
        let sizes = Sizes { m: self.queries, n: h.keys, k: h.head_dim, count: self.heads };
        let product = (self.of_queries(a, h)?, self.of_keys(b, h)?.turned());
        // SAFETY: `a` has rows for these queries, `b` for all keys.
        unsafe { multiply(device(a)?, sizes, 1., product, 0., self.scores(&y, h)?)? };
        Ok(y)
    }

    fn rows(&self, h: &Heads) -> Grid {
        Grid::rows(self.heads * self.queries, h.keys)
    }

    /// The softmax of the scaled scores, `(heads, queries, keys)`, in the dtype of `q`.
    fn weights(&self, h: &Heads, q: &Tensor, k: &Tensor) -> Result<Tensor> {
        let scores = self.products(h, q, k)?;
        let weights = output(q, scores.shape(), q.dtype())?;
        let arguments = [
            address(&scores)?.into(),
            address(&weights)?.into(),
            int(h.keys)?,
            int(self.queries)?,
            int(self.query)?,
            scale(h),
            int(h.causal.into())?,
        ];
        // SAFETY: each block reads and writes a row of `keys` numbers.
        unsafe { launch(device(q)?, &kernel("softmax", q.dtype()), self.rows(h), &arguments)? };
        Ok(weights)
    }
}

fn scale(h: &Heads) -> Argument {
    (1. / (h.head_dim as f32).sqrt()).into()
}

fn backward(h: &Heads, [q, k, v]: &[Tensor; 3], grad: &Tensor) -> Result<[Tensor; 3]> {
    let on = device(q)?;
    let parts = parts(h);
    // If the queries of a head come in several parts, the gradients of keys and values are sums.
    let summed = parts.iter().any(|part| part.query > 0);
    let by_keys = if summed { DType::F32 } else { q.dtype() };
    let dq = output(q, q.shape(), q.dtype())?;
    let (dk, dv) = (output(k, k.shape(), by_keys)?, output(v, v.shape(), by_keys)?);
    for part in parts {
        let weights = part.weights(h, q, k)?;
        let by_weights = part.products(h, grad, v)?;
        let by_scores = output(q, weights.shape(), q.dtype())?;
        let arguments = [
            address(&weights)?.into(),
            address(&by_weights)?.into(),
            address(&by_scores)?.into(),
            int(h.keys)?,
            scale(h),
        ];
        // SAFETY: each block reads and writes a row of `keys` numbers.
        unsafe { launch(on, &kernel("softmax_backward", q.dtype()), part.rows(h), &arguments)? };
        let [queries, grads, dq] = [q, grad, &dq].map(|x| part.of_queries(x, h));
        let [keys, dk, dv] = [k, &dk, &dv].map(|x| part.of_keys(x, h));
        let beta = if part.query > 0 { 1. } else { 0. };
        let (weights, scores) = (part.scores(&weights, h)?, part.scores(&by_scores, h)?);
        let to_keys = Sizes { m: h.keys, n: h.head_dim, k: part.queries, count: part.heads };
        let to_queries = Sizes { m: part.queries, n: h.head_dim, k: h.keys, count: part.heads };
        // SAFETY: scores have `queries` rows of `keys` numbers, the others a row for each query or key.
        unsafe {
            multiply(on, to_keys, 1., (weights.turned(), grads?), beta, dv?)?;
            multiply(on, to_keys, 1., (scores.turned(), queries?), beta, dk?)?;
            multiply(on, to_queries, 1., (scores, keys?), 0., dq?)?;
        }
    }
    Ok([dq, dk.to_dtype(k.dtype())?, dv.to_dtype(v.dtype())?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_query_of_every_head_once_and_hold_few_scores() {
        for (batch, heads, queries, keys) in
            [(2, 8, 4096, 4096), (1, 1, 65_536, 65_536), (3, 5, 7, 77), (1, 20, 9216, 77)]
        {
            let h = Heads { batch, queries, keys, heads, head_dim: 8, causal: false, pairs: false };
            let mut next = std::collections::BTreeMap::new();
            for part in parts(&h) {
                assert!(part.heads * part.queries * keys <= SCORES_AT_ONCE, "{part:?}");
                assert!(part.heads == 1 || part.queries == queries, "{part:?}");
                for head in part.head..part.head + part.heads {
                    let from = next.entry((part.image, head)).or_insert(0);
                    assert_eq!(*from, part.query, "{part:?}");
                    *from += part.queries;
                }
            }
            assert_eq!(next.len(), batch * heads);
            assert!(next.values().all(|end| *end == queries));
        }
    }
}
