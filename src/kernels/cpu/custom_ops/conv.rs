//! The convolution: directly or by Winograd's products, as its weight was packed.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::kernels::autodiff::apply::{Reads, apply1};
use crate::kernels::cpu::conv as direct;
use crate::kernels::cpu::product::Start;
use crate::kernels::cpu::winograd::convolution as winograd;
use crate::kernels::host::numbers::{slice, with_slice};
use crate::kernels::layers::conv::geometry::Geometry;
use crate::kernels::layers::conv::packed::{Kernel, PackedConv};

/// See [`conv2d`](crate::kernels::conv2d()).
pub(crate) fn conv2d(x: &Tensor, weight: &Arc<PackedConv>, geometry: Geometry) -> Result<Tensor> {
    apply1(&x.contiguous()?, ConvOp { weight: weight.clone(), geometry }, Reads::Shapes)
}

struct ConvOp {
    weight: Arc<PackedConv>,
    geometry: Geometry,
}

impl CustomOp1 for ConvOp {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (g, x) = (&self.geometry, slice(x, layout)?);
        let bias = self.weight.bias.as_deref();
        let y = match &self.weight.kernel {
            Kernel::Direct(weight) => direct::forward(g, weight.view(), bias.map_or(Start::Zero, Start::Bias), x),
            Kernel::Winograd(weight) => winograd::forward(g, &weight.forward(), bias, x),
        };
        Ok((CpuStorage::F32(y), Shape::from((g.batch, g.out_height, g.out_width, g.out_channels))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_slice(grad, |grad| Ok(backward(&self.weight, &self.geometry, grad)))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

fn backward(weight: &PackedConv, g: &Geometry, grad: &[f32]) -> Vec<f32> {
    match &weight.kernel {
        Kernel::Direct(weight) => direct::backward(g, weight, grad),
        Kernel::Winograd(weight) => {
            // The gradient is a convolution, too, with inputs and outputs exchanged.
            let turned = Geometry { top: 2 - g.top, left: 2 - g.left, ..g.turned() };
            winograd::forward(&turned, &weight.backward(), None, grad)
        }
    }
}
