//! Multi-head attention.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use crate::kernels::autodiff::apply::{Reads, apply3};
use crate::kernels::cpu::attention::backward::backward;
use crate::kernels::cpu::attention::forward::forward;
use crate::kernels::host::numbers::{slice, with_slice};
use crate::kernels::layers::heads::Heads;

/// See [`attention`](crate::kernels::attention()).
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    let op = AttentionOp { heads, logs: Mutex::default() };
    apply3([&q.contiguous()?, &k.contiguous()?, &v.contiguous()?], op, Reads::Everything)
}

struct AttentionOp {
    heads: Heads,
    /// The base-2 logarithm of every query's sum of exponentials, from the forward pass.
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
