//! Pointwise non-linearities.

use std::marker::PhantomData;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};

use super::cpu::pointwise::{Gelu, Pointwise, QuickGelu, Silu, geglu_backward, geglu_forward, map, map_backward};
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::device;
use super::linear::with_channels;
use super::recording::{Reads, apply1};

/// `(..., 2C)` to `(..., C)`: first half times the exact GELU of the second half, as in
/// [diffusers' `GEGLU`](https://github.com/huggingface/diffusers/blob/main/src/diffusers/models/activations.py).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let channels = x.dim(D::Minus1)?;
    if channels == 0 || !channels.is_multiple_of(2) {
        bail!("geglu: {channels} channels are not two halves");
    }
    if is_fast(x) {
        apply1(&x.contiguous()?, GegluOp { channels: channels / 2 }, Reads::Arguments)
    } else {
        device::geglu(x)
    }
}

/// `x · sigmoid(x)`.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    if is_fast(x) { unary::<Silu>(x) } else { device::silu(x) }
}

/// `x · Φ(x)` with the exact normal distribution function (erf), not the tanh approximation.
pub fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    if is_fast(x) { unary::<Gelu>(x) } else { device::gelu_erf(x) }
}

/// `x · sigmoid(1.702 x)`, CLIP's activation.
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    if is_fast(x) { unary::<QuickGelu>(x) } else { device::quick_gelu(x) }
}

fn unary<F: Pointwise>(x: &Tensor) -> Result<Tensor> {
    apply1(&x.contiguous()?, UnaryOp::<F>(PhantomData), Reads::Arguments)
}

struct UnaryOp<F>(PhantomData<F>);

impl<F: Pointwise> CustomOp1 for UnaryOp<F> {
    fn name(&self) -> &'static str {
        "pointwise"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(map::<F>(slice(x, layout)?)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_slice(x, |x| with_slice(grad, |grad| Ok(map_backward::<F>(x, grad))))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

struct GegluOp {
    /// Of the result.
    channels: usize,
}

impl CustomOp1 for GegluOp {
    fn name(&self) -> &'static str {
        "geglu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = geglu_forward(slice(x, layout)?, self.channels);
        Ok((CpuStorage::F32(y), with_channels(layout.shape(), self.channels)))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_slice(x, |x| with_slice(grad, |grad| Ok(geglu_backward(x, grad, self.channels))))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
