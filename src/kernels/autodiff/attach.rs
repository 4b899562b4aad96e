//! Gradients for weights that a kernel takes as frozen.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, Layout, MetalStorage, Result, Shape, Tensor};

use super::composed::composed;

/// `y` as it is. It was computed from `weight` in a way that gives no gradient for it: that gradient is
/// `backward(gradient of y)`, of the shape of `weight`. In a recording this is one call.
pub(crate) fn with_weight_gradient<B>(y: &Tensor, weight: &Tensor, backward: B) -> Result<Tensor>
where
    B: Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
{
    if !weight.track_op() {
        return Ok(y.clone());
    }
    let (y, weight) = (y.contiguous()?, weight.contiguous()?);
    composed(&[&y, &weight], || y.apply_op2(&weight, WeightGradient { backward }))
}

/// An operation that returns its first argument, and has a gradient for its second one, too.
struct WeightGradient<B> {
    backward: B,
}

impl<B: Fn(&Tensor) -> Result<Tensor> + Send + Sync> CustomOp2 for WeightGradient<B> {
    fn name(&self) -> &'static str {
        "weight gradient"
    }

    fn cpu_fwd(&self, y: &CpuStorage, layout: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn cuda_fwd(&self, y: &CudaStorage, layout: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn metal_fwd(
        &self,
        y: &MetalStorage,
        layout: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        Ok((y.try_clone(layout)?, layout.shape().clone()))
    }

    fn bwd(&self, y: &Tensor, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((y.track_op().then(|| grad.clone()), Some((self.backward)(grad)?)))
    }
}
