//! Attention by products of cuBLAS, some heads of an image at a time. The backward pass computes the weights again
//! ([FlashAttention-2](https://arxiv.org/abs/2307.08691), section 2.3.2, without its tiles).

use candle_core::{DType, Result, Tensor};

use super::gemm::{Matrix, Sizes, multiply};
use super::launch::{Argument, Grid, address, device, int, kernel, launch, output, output_of};
use crate::kernels::cpu::attention::Heads;

/// Scores held at once, f32, but for those of one head.
const SCORES: usize = 1 << 26;

/// See [`attention`](crate::kernels::attention()). Scores are f32; weights are rounded to the dtype of `q`, as are their gradients.
pub(in crate::kernels::device) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
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
        let product = (part.scores(&weights, &heads)?, part.of(&v, &heads, heads.keys)?);
        let sizes = Sizes { m: heads.queries, n: heads.head_dim, k: heads.keys, count: part.heads };
        // SAFETY: the sizes of the tensors have been checked by `Heads`' maker.
        unsafe { multiply(device(&q)?, sizes, 1., product, 0., part.of(&y, &heads, heads.queries)?)? };
    }
    Ok(y)
}

/// Some heads of one image.
#[derive(Clone, Copy)]
struct Part {
    image: usize,
    first: usize,
    heads: usize,
}

/// All heads of all images.
fn parts(h: &Heads) -> impl Iterator<Item = Part> + use<> {
    let (images, all) = (h.batch, h.heads);
    let most = (SCORES / (h.queries * h.keys).max(1)).clamp(1, all);
    (0..images).flat_map(move |image| {
        (0..all).step_by(most).map(move |first| Part { image, first, heads: most.min(all - first) })
    })
}

impl Part {
    /// Queries, keys or values (or results) of these heads in `(batch, tokens, heads · head_dim)`, a matrix `(tokens, head_dim)` each.
    fn of(&self, x: &Tensor, h: &Heads, tokens: usize) -> Result<Matrix> {
        let row = h.heads * h.head_dim;
        Ok(Matrix::new(x, row)?.from(self.image * tokens * row + self.first * h.head_dim).each(h.head_dim))
    }

    /// Scores or weights, a matrix `(queries, keys)` each head.
    fn scores(&self, x: &Tensor, h: &Heads) -> Result<Matrix> {
        Ok(Matrix::new(x, h.keys)?.each(h.queries * h.keys))
    }

    /// `a bᵀ` of each head, `(heads, queries, keys)` f32.
    fn products(&self, h: &Heads, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let y = output(a, (self.heads, h.queries, h.keys), DType::F32)?;
        let sizes = Sizes { m: h.queries, n: h.keys, k: h.head_dim, count: self.heads };
        let product = (self.of(a, h, h.queries)?, self.of(b, h, h.keys)?.turned());
        // SAFETY: `a` has rows for all queries, `b` for all keys.
        unsafe { multiply(device(a)?, sizes, 1., product, 0., self.scores(&y, h)?)? };
        Ok(y)
    }

    fn rows(&self, h: &Heads) -> Grid {
        Grid::rows(self.heads * h.queries, h.keys)
    }

    /// Softmax of the scaled scores, `(heads, queries, keys)`, in the dtype of `q`.
    fn weights(&self, h: &Heads, q: &Tensor, k: &Tensor) -> Result<Tensor> {
        let scores = self.products(h, q, k)?;
        let weights = output(q, scores.shape(), q.dtype())?;
        let arguments = [
            address(&scores)?.into(),
            address(&weights)?.into(),
            int(h.keys)?,
            int(h.queries)?,
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
    let [dq, dk, dv] = [q, k, v].map(|x| output(x, x.shape(), x.dtype()));
    let (dq, dk, dv) = (dq?, dk?, dv?);
    for part in parts(h) {
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
        let [queries, grads, dq] = [q, grad, &dq].map(|x| part.of(x, h, h.queries));
        let [keys, dk, dv] = [k, &dk, &dv].map(|x| part.of(x, h, h.keys));
        let (weights, scores) = (part.scores(&weights, h)?, part.scores(&by_scores, h)?);
        let to_keys = Sizes { m: h.keys, n: h.head_dim, k: h.queries, count: part.heads };
        let to_queries = Sizes { m: h.queries, n: h.head_dim, k: h.keys, count: part.heads };
        // SAFETY: scores have `queries` rows of `keys` numbers, the others a row for each query or key.
        unsafe {
            multiply(on, to_keys, 1., (weights.turned(), grads?), 0., dv?)?;
            multiply(on, to_keys, 1., (scores.turned(), queries?), 0., dk?)?;
            multiply(on, to_queries, 1., (scores, keys?), 0., dq?)?;
        }
    }
    Ok([dq, dk, dv])
}
