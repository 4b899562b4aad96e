//! Attention of some queries at a time: scores are never held all at once, nor kept for the backward pass, which computes them again.
//!
//! The backward pass is that of [FlashAttention-2](https://arxiv.org/abs/2307.08691), section 2.3.2, with the softmax computed by rows.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp3, D, DType, Layout, MetalStorage, Result, Shape, Tensor, bail};
use candle_nn::ops::softmax_last_dim;

use crate::kernels::cpu::attention::Heads;

/// Scores held at once; f32.
const SCORES: usize = 1 << 26;

/// See [`attention`](crate::kernels::attention()); sums and softmax are f32 whatever the dtype.
pub(in crate::kernels) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    attention_of(SCORES, q, k, v, heads)
}

fn attention_of(scores: usize, q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    let chunks = Chunks { heads, rows: (scores / (heads.batch * heads.heads * heads.keys).max(1)).max(1) };
    let y = chunks.forward(&q.detach(), &k.detach(), &v.detach())?;
    if ![q, k, v].iter().any(|x| x.track_op()) {
        return Ok(y);
    }
    let key_values = Tensor::cat(&[k, v], D::Minus1)?;
    q.contiguous()?.apply_op3(&key_values, &y, chunks)
}

/// Attention, `rows` queries of every head at a time. As an operation: of queries, keys beside values, and the result, which it returns.
struct Chunks {
    heads: Heads,
    rows: usize,
}

impl Chunks {
    /// `(batch, heads, tokens, head_dim)` f32 of `(batch, ..., channels)`.
    fn split(&self, x: &Tensor, tokens: usize) -> Result<Tensor> {
        let Heads { batch, heads, head_dim, .. } = self.heads;
        x.reshape((batch, tokens, heads, head_dim))?.transpose(1, 2)?.to_dtype(DType::F32)?.contiguous()
    }

    /// Back to the shape and dtype of `like`.
    fn join(x: &Tensor, like: &Tensor) -> Result<Tensor> {
        x.transpose(1, 2)?.to_dtype(like.dtype())?.contiguous()?.reshape(like.shape())
    }

    fn scale(&self) -> f64 {
        1. / (self.heads.head_dim as f64).sqrt()
    }

    /// First query and number of queries of each chunk.
    fn chunks(&self) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        let queries = self.heads.queries;
        (0..queries).step_by(self.rows).map(move |start| (start, self.rows.min(queries - start)))
    }

    /// Softmax of the scores of the queries `q`, which begin at query `start`; `(batch, heads, queries, keys)`.
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

    /// Gradients by queries, and by keys beside values.
    fn backward(&self, q: &Tensor, key_values: &Tensor, y: &Tensor, grad: &Tensor) -> Result<[Tensor; 2]> {
        let Heads { queries, keys, .. } = self.heads;
        let channels = q.dim(D::Minus1)?;
        let (k, v) = (key_values.narrow(D::Minus1, 0, channels)?, key_values.narrow(D::Minus1, channels, channels)?);
        let (k, v) = (self.split(&k.contiguous()?, keys)?, self.split(&v.contiguous()?, keys)?);
        let (qs, grads) = (self.split(q, queries)?, self.split(&grad.contiguous()?, queries)?);
        // Of each query: the sum over keys of weight times the weight's gradient.
        let sums = (&grads * self.split(y, queries)?)?.sum_keepdim(D::Minus1)?;
        let (mut dq, mut dk, mut dv) = (Vec::new(), None, None);
        for (start, rows) in self.chunks() {
            let of = |x: &Tensor| x.narrow(2, start, rows)?.contiguous();
            let (q, grad) = (of(&qs)?, of(&grads)?);
            let weights = self.weights(&q, &k, start)?;
            add_to(&mut dv, weights.transpose(2, 3)?.matmul(&grad)?)?;
            let by_scores = (weights * grad.matmul(&v.t()?)?.broadcast_sub(&of(&sums)?)?)?;
            add_to(&mut dk, (by_scores.transpose(2, 3)?.matmul(&q)? * self.scale())?)?;
            dq.push((by_scores.matmul(&k)? * self.scale())?);
        }
        let (Some(dk), Some(dv)) = (dk, dv) else { bail!("attention: no queries") };
        let like = key_values.narrow(D::Minus1, 0, channels)?;
        let key_values = Tensor::cat(&[Self::join(&dk, &like)?, Self::join(&dv, &like)?], D::Minus1)?;
        Ok([Self::join(&Tensor::cat(&dq, 2)?, q)?, key_values])
    }
}

fn add_to(sum: &mut Option<Tensor>, x: Tensor) -> Result<()> {
    *sum = Some(match sum.take() {
        Some(sum) => (sum + x)?,
        None => x,
    });
    Ok(())
}

impl CustomOp3 for Chunks {
    fn name(&self) -> &'static str {
        "attention-by-chunks"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        y: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        y: &CudaStorage,
        layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        y: &MetalStorage,
        layout: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        key_values: &Tensor,
        _: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dq, dkv] = self.backward(&q.detach(), &key_values.detach(), &y.detach(), grad)?;
        Ok((q.track_op().then_some(dq), key_values.track_op().then_some(dkv), None))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::kernels::attention::sizes;
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
            let sizes = sizes(&q, &k, &v, heads, causal).unwrap();
            let expected = results(reference::attention(&q, &k, &v, heads, causal).unwrap());
            for scores in [1, 3 * batch * heads * keys, 5 * batch * heads * keys + 1, SCORES] {
                let ours = results(attention_of(scores, &q, &k, &v, sizes).unwrap());
                for (i, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
                    let worst = (ours - expected).unwrap().abs().unwrap().max_all().unwrap();
                    let worst = worst.to_scalar::<f32>().unwrap();
                    assert!(worst < 1e-5, "{scores} scores, {queries}×{keys}: result {i} is off by {worst:e}");
                }
            }
            // Only what is tracked gets a gradient.
            let y = attention_of(3, &q.detach(), &k, &v.detach(), sizes).unwrap();
            let store = y.sum_all().unwrap().backward().unwrap();
            assert!(store.get(&k).is_some() && store.get(&q).is_none() && store.get(&v).is_none());
        }
    }
}
