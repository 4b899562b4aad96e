//! Attention for some queries at a time. The scores are never held all at once, and the backward pass computes them
//! again.
//!
//! The backward pass is that of [FlashAttention-2](https://arxiv.org/abs/2307.08691), section 2.3.2, with the softmax
//! computed by rows.

use candle_core::{DType, Result, Tensor, bail};
use candle_nn::ops::softmax_last_dim;

use crate::kernels::autodiff::frozen::with_input_gradient;
use crate::kernels::layers::heads::Heads;

/// The scores that are held at once, f32.
const SCORES: usize = 1 << 26;

/// See [`attention`](crate::kernels::attention()). Sums and softmax are f32 for every dtype.
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    attention_of(SCORES, q, k, v, heads)
}

fn attention_of(scores: usize, q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    let chunks = Chunks { heads, rows: (scores / (heads.batch * heads.heads * heads.keys).max(1)).max(1) };
    let [queries, keys, values] = [q, k, v].map(Tensor::detach);
    let y = chunks.forward(&queries, &keys, &values)?;
    let tracked = [q, k, v].map(Tensor::track_op);
    if !tracked.contains(&true) {
        return Ok(y);
    }
    let result = y.clone();
    with_input_gradient(
        &side_by_side([q, k, v], tracked)?,
        |_| Ok(result),
        move |grad| {
            let [dq, dk, dv] = chunks.backward([&queries, &keys, &values], &y, grad)?;
            side_by_side([&dq, &dk, &dv], tracked)
        },
    )
}

/// Joins the numbers of the wanted tensors to one argument. candle hands each tensor its part of the gradient.
fn side_by_side(parts: [&Tensor; 3], wanted: [bool; 3]) -> Result<Tensor> {
    let flat = parts.into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(part, _)| part.flatten_all());
    Tensor::cat(&flat.collect::<Result<Vec<_>>>()?, 0)
}

/// An attention that computes `rows` queries of every head at a time.
struct Chunks {
    heads: Heads,
    rows: usize,
}

impl Chunks {
    /// Turns `(batch, ..., channels)` into `(batch, heads, tokens, head_dim)` f32.
    fn split(&self, x: &Tensor, tokens: usize) -> Result<Tensor> {
        let Heads { batch, heads, head_dim, .. } = self.heads;
        x.reshape((batch, tokens, heads, head_dim))?.transpose(1, 2)?.to_dtype(DType::F32)?.contiguous()
    }

    /// The inverse of `split`; the result has the shape and dtype of `like`.
    fn join(x: &Tensor, like: &Tensor) -> Result<Tensor> {
        x.transpose(1, 2)?.to_dtype(like.dtype())?.contiguous()?.reshape(like.shape())
    }

    fn scale(&self) -> f64 {
        1. / (self.heads.head_dim as f64).sqrt()
    }

    /// The first query and the number of queries of each chunk.
    fn chunks(&self) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        let queries = self.heads.queries;
        (0..queries).step_by(self.rows).map(move |start| (start, self.rows.min(queries - start)))
    }

    /// The softmax of the scores of the queries `q`, `(batch, heads, queries, keys)`. The first of them is query
    /// `start`.
    fn weights(&self, q: &Tensor, k: &Tensor, start: usize) -> Result<Tensor> {
        let mut scores = (q * self.scale())?.matmul(&k.t()?)?;
        if self.heads.causal {
            let (rows, keys) = (q.dim(2)?, self.heads.keys);
            let mask =
                (start..start + rows).flat_map(|t| (0..keys).map(move |s| if s > t { f32::NEG_INFINITY } else { 0. }));
            let mask = Tensor::from_iter(mask, q.device())?.reshape((1, 1, rows, keys))?;
            scores = scores.broadcast_add(&mask)?;
        }
        softmax_last_dim(&scores)
    }

    fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let Heads { queries, keys, .. } = self.heads;
        let (qs, ks, vs) = (self.split(q, queries)?, self.split(k, keys)?, self.split(v, keys)?);
        let chunk = |(start, rows)| self.weights(&qs.narrow(2, start, rows)?.contiguous()?, &ks, start)?.matmul(&vs);
        let parts = self.chunks().map(chunk).collect::<Result<Vec<_>>>()?;
        Self::join(&Tensor::cat(&parts, 2)?, q)
    }

    /// The gradients of queries, keys and values.
    fn backward(&self, [q, k, v]: [&Tensor; 3], y: &Tensor, grad: &Tensor) -> Result<[Tensor; 3]> {
        let Heads { queries, keys, .. } = self.heads;
        let (ks, vs) = (self.split(k, keys)?, self.split(v, keys)?);
        let (qs, grads) = (self.split(q, queries)?, self.split(&grad.contiguous()?, queries)?);
        // For each query, the sum over the keys of the weight times the gradient of the weight.
        let sums = (&grads * self.split(y, queries)?)?.sum_keepdim(3)?;
        let (mut dq, mut dk, mut dv) = (Vec::new(), None, None);
        for (start, rows) in self.chunks() {
            let of = |x: &Tensor| x.narrow(2, start, rows)?.contiguous();
            let (q, grad) = (of(&qs)?, of(&grads)?);
            let weights = self.weights(&q, &ks, start)?;
            add_to(&mut dv, weights.transpose(2, 3)?.matmul(&grad)?)?;
            let by_scores = (weights * grad.matmul(&vs.t()?)?.broadcast_sub(&of(&sums)?)?)?;
            add_to(&mut dk, (by_scores.transpose(2, 3)?.matmul(&q)? * self.scale())?)?;
            dq.push((by_scores.matmul(&ks)? * self.scale())?);
        }
        let (Some(dk), Some(dv)) = (dk, dv) else { bail!("attention: no queries") };
        Ok([Self::join(&Tensor::cat(&dq, 2)?, q)?, Self::join(&dk, k)?, Self::join(&dv, v)?])
    }
}

fn add_to(sum: &mut Option<Tensor>, x: Tensor) -> Result<()> {
    *sum = Some(match sum.take() {
        Some(sum) => (sum + x)?,
        None => x,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::kernels::reference;

    #[test]
    fn any_number_of_scores_at_once_gives_the_references_values_and_gradients() {
        for (batch, queries, keys, heads, dim, causal) in
            [(1, 1, 1, 1, 1, false), (2, 13, 7, 3, 5, false), (2, 11, 11, 2, 8, true), (1, 64, 77, 2, 40, false)]
        {
            let random = |tokens: usize| {
                Var::randn(0f32, 1., (batch, tokens, heads * dim), &Device::Cpu).unwrap().as_tensor().clone()
            };
            let (q, k, v, grad) = (random(queries), random(keys), random(keys), random(queries).detach());
            let results = |y: Tensor| {
                let store = (&y * &grad).unwrap().sum_all().unwrap().backward().unwrap();
                let mut all = vec![y];
                all.extend([&q, &k, &v].map(|x| store.get(x).unwrap().clone()));
                all
            };
            let sizes = Heads::of(&q, &k, &v, heads, causal).unwrap();
            let expected = results(reference::attention(&q, &k, &v, heads, causal).unwrap());
            for scores in [1, 3 * batch * heads * keys, 5 * batch * heads * keys + 1, SCORES] {
                let ours = results(attention_of(scores, &q, &k, &v, sizes).unwrap());
                for (i, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
                    let worst = (ours - expected).unwrap().abs().unwrap().max_all().unwrap();
                    let worst = worst.to_scalar::<f32>().unwrap();
                    assert!(worst < 1e-5, "{scores} scores, {queries}×{keys}: result {i} is off by {worst:e}");
                }
            }
            // Tensors that are not tracked get no gradient.
            let y = attention_of(3, &q.detach(), &k, &v.detach(), sizes).unwrap();
            let store = y.sum_all().unwrap().backward().unwrap();
            assert_eq!(store.get_ids().collect::<Vec<_>>(), [&k.id()]);
        }
    }
}
