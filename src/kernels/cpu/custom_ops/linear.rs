//! The fully connected layer.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::kernels::autodiff::apply::{Reads, apply1};
use crate::kernels::cpu::product::matmul;
use crate::kernels::host::numbers::{slice, with_slice};
use crate::kernels::layers::linear::PackedLinear;
use crate::kernels::layers::shape::with_channels;

/// See [`linear`](crate::kernels::linear()).
pub(crate) fn linear(x: &Tensor, weight: &Arc<PackedLinear>) -> Result<Tensor> {
    apply1(&x.contiguous()?, LinearOp(weight.clone()), Reads::Shapes)
}

struct LinearOp(Arc<PackedLinear>);

impl CustomOp1 for LinearOp {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let weight = self.0.forward();
        let y = matmul(slice(x, layout)?, weight, self.0.bias());
        Ok((CpuStorage::F32(y), with_channels(layout.shape(), weight.n)))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let weight = self.0.backward();
        let dx = with_slice(grad, |grad| Ok(matmul(grad, weight, None)))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
