//! Pointwise non-linearities.

use std::marker::PhantomData;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};

use crate::kernels::autodiff::apply::{Reads, apply1};
use crate::kernels::cpu::pointwise::{
    Gelu, Pointwise, QuickGelu, Silu, geglu_backward, geglu_forward, map, map_backward,
};
use crate::kernels::host::numbers::{slice, with_slice};
use crate::kernels::layers::shape::with_channels;

/// See [`geglu`](crate::kernels::geglu).
pub(crate) fn geglu(x: &Tensor) -> Result<Tensor> {
    let op = GegluOp { channels: x.dim(D::Minus1)? / 2 };
    apply1(&x.contiguous()?, op, Reads::Arguments)
}

/// See [`silu`](crate::kernels::silu).
pub(crate) fn silu(x: &Tensor) -> Result<Tensor> {
    unary::<Silu>(x)
}

/// See [`gelu_erf`](crate::kernels::gelu_erf).
pub(crate) fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    unary::<Gelu>(x)
}

/// See [`quick_gelu`](crate::kernels::quick_gelu).
pub(crate) fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    unary::<QuickGelu>(x)
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
    /// The channels of the result.
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
