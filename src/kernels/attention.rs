//! Multi-head scaled dot-product attention.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};

use super::cpu::attention::{Heads, backward, forward};
use super::cpu::simd::multiplies_pairs;
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::device;
use super::recording::{Reads, apply3};

/// `softmax(q kᵀ / √D) v` for each of `heads` heads; `q` `(B, ..., heads·D)` with `T` tokens in all dimensions between, `k` and `v` `(B, ...,
/// heads·D)` with `S`; the result is shaped as `q`. With `causal`, query `t` sees keys `0..=t` only (`T == S`).
/// Gradients go to whichever of `q`, `k`, `v` are tracked.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    attention_in(DType::F32, q, k, v, heads, causal)
}

/// As [`attention`]. With `products` bf16, a CPU that has instructions for it rounds what it multiplies (queries, keys, values,
/// weights and gradients) to bf16; sums, exponentials and results are f32 as ever. Everything else computes as [`attention`] does.
pub fn attention_in(products: DType, q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let pairs = products == DType::BF16 && multiplies_pairs();
    let sizes = Heads { pairs, ..sizes(q, k, v, heads, causal)? };
    if is_fast(q) && is_fast(k) && is_fast(v) {
        let op = AttentionOp { heads: sizes, logs: Mutex::default() };
        apply3([&q.contiguous()?, &k.contiguous()?, &v.contiguous()?], op, Reads::Everything)
    } else {
        device::attention(q, k, v, sizes)
    }
}

/// Checks the shapes.
pub(super) fn sizes(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Heads> {
    let of = |x: &Tensor| match x.dims() {
        [batch, tokens @ .., channels] if !tokens.is_empty() => Some((*batch, tokens.iter().product(), *channels)),
        _ => None,
    };
    let (batch, queries, channels, keys) = match (of(q), of(k)) {
        (Some((batch, queries, channels)), Some((images, keys, width)))
            if heads > 0 && channels % heads == 0 && (images, width) == (batch, channels) && k.dims() == v.dims() =>
        {
            (batch, queries, channels, keys)
        }
        _ => bail!("attention: {:?} {:?} {:?} do not form {heads} heads", q.dims(), k.dims(), v.dims()),
    };
    if causal && queries != keys {
        bail!("attention: a causal mask needs as many queries as keys, not {queries} and {keys}");
    }
    Ok(Heads { batch, queries, keys, heads, head_dim: channels / heads, causal, pairs: false })
}

struct AttentionOp {
    heads: Heads,
    /// Logarithm (base 2) of every query's sum of exponentials, from the forward pass.
    logs: Mutex<Vec<f32>>,
}

impl CustomOp3 for AttentionOp {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (y, logs) = forward(&self.heads, slice(q, q_layout)?, slice(k, k_layout)?, slice(v, v_layout)?);
        *self.logs.lock().unwrap_or_else(|e| e.into_inner()) = logs;
        Ok((CpuStorage::F32(y), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let logs = self.logs.lock().unwrap_or_else(|e| e.into_inner());
        let [dq, dk, dv] = with_slice(q, |qs| {
            with_slice(k, |ks| {
                with_slice(v, |vs| {
                    with_slice(y, |y| with_slice(grad, |grad| Ok(backward(&self.heads, [qs, ks, vs], y, &logs, grad))))
                })
            })
        })?;
        let tensor = |numbers: Vec<f32>, like: &Tensor| {
            like.track_op().then(|| Tensor::from_vec(numbers, like.shape(), like.device())).transpose()
        };
        Ok((tensor(dq, q)?, tensor(dk, k)?, tensor(dv, v)?))
    }
}
