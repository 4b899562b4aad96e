//! A way to use frozen weights in candle's operations without gradients for the weights.
//!
//! The backward pass of candle's `matmul`, `conv2d` and `mul` always computes the gradients of *both* arguments. For a
//! frozen base model that is about twice the work, and a second copy of every weight. Here the result is computed from
//! a detached input, and only the gradient of the input is defined.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, Layout, MetalStorage, Result, Shape, Tensor};

/// Computes `forward(x)`. The gradient of `x` is `backward(gradient of the result)`.
pub(crate) fn with_input_gradient<F, B>(x: &Tensor, forward: F, backward: B) -> Result<Tensor>
where
    F: FnOnce(&Tensor) -> Result<Tensor>,
    B: Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
{
    let y = forward(&x.detach())?.contiguous()?;
    if x.track_op() { x.apply_op2(&y, InputGradient { backward }) } else { Ok(y) }
}

/// An operation that returns its second argument, and sends the gradient to its first one.
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
