//! A way to use frozen weights in plain candle ops without candle computing gradients for them.
//!
//! candle's backward of `matmul`, `conv2d` and `mul` always builds the gradient of *both* arguments, for
//! a frozen base model about twice the work and a second copy of every weight. Here the result is
//! computed on a detached input, and only the gradient of the input is defined.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, Layout, MetalStorage, Result, Shape, Tensor};

/// `forward(x)`, whose gradient towards `x` is `backward(gradient of the result)`.
pub(super) fn with_input_gradient<F, B>(x: &Tensor, forward: F, backward: B) -> Result<Tensor>
where
    F: FnOnce(&Tensor) -> Result<Tensor>,
    B: Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
{
    let y = forward(&x.detach())?.contiguous()?;
    if x.track_op() { x.apply_op2(&y, InputGradient { backward }) } else { Ok(y) }
}

/// Returns its second argument; the gradient goes to the first one.
struct InputGradient<B> {
    backward: B,
}

impl<B: Fn(&Tensor) -> Result<Tensor> + Send + Sync> CustomOp2 for InputGradient<B> {
    fn name(&self) -> &'static str {
        "frozen"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, y: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, y: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        y: &MetalStorage,
        layout: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some((self.backward)(grad)?), None))
    }
}
