//! The fully connected layer with a low-rank correction.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};

use crate::kernels::autodiff::apply::{Reads, apply3};
use crate::kernels::cpu::lora::{Factors, backward, forward};
use crate::kernels::host::numbers::{slice, with_slice};
use crate::kernels::layers::linear::PackedLinear;
use crate::kernels::layers::lora::LoraPair;
use crate::kernels::layers::shape::with_channels;

/// See [`lora_linear`](crate::kernels::lora_linear). Both factors must be f32.
pub(crate) fn lora_linear(x: &Tensor, weight: &Arc<PackedLinear>, lora: &LoraPair) -> Result<Tensor> {
    let mask = match &lora.dropout_mask {
        Some(mask) => Some(mask.detach().to_dtype(DType::F32)?.flatten_all()?.to_vec1()?),
        None => None,
    };
    let op = LoraOp {
        weight: weight.clone(),
        scale: lora.scale as f32,
        mask,
        keep_hidden: lora.down.track_op() || lora.up.track_op(),
        hidden: Mutex::new(Vec::new()),
    };
    let arguments = [&x.contiguous()?, &lora.down.contiguous()?, &lora.up.contiguous()?];
    apply3(arguments, op, Reads::Arguments)
}

struct LoraOp {
    weight: Arc<PackedLinear>,
    scale: f32,
    mask: Option<Vec<f32>>,
    keep_hidden: bool,
    /// `scale · A (mask ∘ x)`, `(rows, rank)`, from the forward pass.
    hidden: Mutex<Vec<f32>>,
}

impl LoraOp {
    fn factors<'a>(&'a self, down: &'a [f32], up: &'a [f32]) -> Factors<'a> {
        Factors {
            weight: &self.weight,
            down,
            up,
            rank: down.len() / self.weight.forward().k,
            scale: self.scale,
            mask: self.mask.as_deref(),
        }
    }
}

impl CustomOp3 for LoraOp {
    fn name(&self) -> &'static str {
        "lora-linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        down: &CpuStorage,
        down_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, down, up) = (slice(x, x_layout)?, slice(down, down_layout)?, slice(up, up_layout)?);
        let (y, hidden) = forward(&self.factors(down, up), x);
        if self.keep_hidden {
            *self.hidden.lock().unwrap_or_else(|e| e.into_inner()) = hidden;
        }
        Ok((CpuStorage::F32(y), with_channels(x_layout.shape(), self.weight.forward().n)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        down: &Tensor,
        up: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let hidden = self.hidden.lock().unwrap_or_else(|e| e.into_inner());
        let gradients = with_slice(x, |x_numbers| {
            with_slice(down, |down_numbers| {
                with_slice(up, |up_numbers| {
                    with_slice(grad, |grad| {
                        let factors = self.factors(down_numbers, up_numbers);
                        let factors_tracked = down.track_op() || up.track_op();
                        let hidden = factors_tracked.then_some(hidden.as_slice());
                        Ok(backward(&factors, x_numbers, hidden, grad, x.track_op()))
                    })
                })
            })
        })?;
        let tensor = |numbers: Option<Vec<f32>>, like: &Tensor| {
            numbers.filter(|_| like.track_op()).map(|n| Tensor::from_vec(n, like.shape(), like.device())).transpose()
        };
        Ok((tensor(gradients.x, x)?, tensor(gradients.down, down)?, tensor(gradients.up, up)?))
    }
}
