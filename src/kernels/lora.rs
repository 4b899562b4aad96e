//! A frozen fully connected layer with a trained low-rank correction ([LoRA](https://arxiv.org/abs/2106.09685)).

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};

use super::cpu::lora::{Factors, backward, forward};
use super::cpu::tensors::{slice, with_slice};
use super::linear::{PackedLinear, with_channels};
use super::recording::{Reads, apply3};
use super::{Linear, device};

/// The two trained factors of one adapted layer; the correction is `scale · up · down`.
#[derive(Clone, Debug)]
pub struct LoraPair {
    /// `A`, `(rank, in)`, f32.
    pub down: Tensor,
    /// `B`, `(out, rank)`, f32.
    pub up: Tensor,
    /// `alpha / rank` times the strength asked for.
    pub scale: f64,
    /// Multiplied with `x` before `A`, as `x` but for how its tokens are counted, `(batch, ..., in)`: 0 where the input is dropped, 1 / (keep
    /// probability) elsewhere. `None` outside training.
    pub dropout_mask: Option<Tensor>,
}

/// `x` `(..., in)` to `W x + b + scale · B (A (mask ∘ x))`, `(..., out)`.
///
/// Gradients go to `x` (if it is tracked) and to `A` and `B`, never to `W` and `b`.
pub fn lora_linear(x: &Tensor, w: &Linear, lora: &LoraPair) -> Result<Tensor> {
    let (rank, columns) = lora.down.dims2()?;
    if columns != w.in_features() || lora.up.dims() != [w.out_features(), rank] || rank == 0 {
        bail!(
            "lora: factors {:?} and {:?} do not fit a layer from {} to {} channels",
            lora.down.dims(),
            lora.up.dims(),
            w.in_features(),
            w.out_features()
        );
    }
    if let Some(mask) = &lora.dropout_mask
        && [mask.dims().first(), mask.dims().last(), Some(&mask.elem_count())]
            != [x.dims().first(), x.dims().last(), Some(&x.elem_count())]
    {
        bail!("lora: the dropout mask is {:?}, the input {:?}", mask.dims(), x.dims());
    }
    match w.packed_for(x)? {
        Some(weight) if lora.down.dtype() == DType::F32 && lora.up.dtype() == DType::F32 => {
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
        _ => device::lora_linear(x, w, lora),
    }
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
