//! The frozen fully connected layer.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::cpu::panels::{Matrix, pack_tensor, pad_bias};
use super::cpu::product::matmul;
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::cpu::two_way::TwoWay;
use super::cpu::view::View;
use super::device;
use super::recording::{Reads, apply1};

/// Frozen weights of a fully connected layer, `y = x Wᵀ + b`.
#[derive(Clone, Debug)]
pub struct Linear {
    in_features: usize,
    out_features: usize,
    weight: Weight,
    bias: Option<Tensor>,
}

/// CPU weights are kept only in the order the product reads them, in their storage dtype.
#[derive(Clone, Debug)]
enum Weight {
    Packed(Arc<PackedLinear>),
    Plain(Tensor),
}

/// Numbers of the largest matrix of which a transposed copy is kept.
const KEPT: usize = 1 << 19;

/// A CPU weight.
#[derive(Debug)]
pub(super) struct PackedLinear {
    weight: TwoWay,
    bias: Option<Vec<f32>>,
}

impl PackedLinear {
    /// W, `(out, in)`.
    pub(super) fn forward(&self) -> View<'_> {
        self.weight.forward(0)
    }

    /// The padded bias.
    pub(super) fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }

    /// Wᵀ, `(in, out)`.
    pub(super) fn backward(&self) -> View<'_> {
        self.weight.backward(0)
    }
}

impl Linear {
    /// Takes `weight` as `(out, in)` and `bias` as `(out)`, f32, bf16 or f16.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (out_features, in_features) = weight.dims2()?;
        if weight.elem_count() == 0 {
            bail!("linear: the weight {:?} is empty", weight.dims());
        }
        if let Some(b) = &bias
            && b.dims() != [out_features]
        {
            bail!("linear: the bias has shape {:?}, the weight {:?}", b.dims(), weight.dims());
        }
        let bias = bias.map(|b| b.detach());
        let weight = if weight.device().is_cpu() {
            let weight = pack_tensor(&weight, Matrix(out_features, in_features))?;
            let bias = bias.as_ref().map(pad_bias).transpose()?;
            let weight = TwoWay::new(weight, vec![(0, 1.)], KEPT);
            Weight::Packed(Arc::new(PackedLinear { weight, bias }))
        } else {
            Weight::Plain(weight.detach())
        };
        Ok(Self { in_features, out_features, weight, bias })
    }

    /// Number of input channels.
    #[must_use]
    pub fn in_features(&self) -> usize {
        self.in_features
    }

    /// Number of output channels.
    #[must_use]
    pub fn out_features(&self) -> usize {
        self.out_features
    }

    /// How the weight is stored.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match &self.weight {
            Weight::Packed(packed) => packed.weight.panels().dtype(),
            Weight::Plain(weight) => weight.dtype(),
        }
    }

    /// The CPU weight, if `x` is an activation the CPU path can take.
    pub(super) fn packed_for(&self, x: &Tensor) -> Result<Option<&Arc<PackedLinear>>> {
        match x.dims() {
            [_, .., channels] if *channels == self.in_features => {}
            dims => bail!("linear: expected {} channels in the last dimension of {dims:?}", self.in_features),
        }
        match &self.weight {
            Weight::Packed(packed) if is_fast(x) => Ok(Some(packed)),
            _ => Ok(None),
        }
    }

    /// The weight `(out, in)` in `dtype`. On the CPU this is a slow copy.
    pub(super) fn weight(&self, dtype: DType) -> Result<Tensor> {
        match &self.weight {
            Weight::Plain(weight) => weight.to_dtype(dtype),
            Weight::Packed(packed) => {
                let (out, columns) = (self.out_features, self.in_features);
                let numbers = (0..out * columns).map(|i| packed.weight.panels().get(0, i / columns, i % columns));
                Tensor::from_iter(numbers, &Device::Cpu)?.reshape((out, columns))?.to_dtype(dtype)
            }
        }
    }

    /// The bias `(out)` in `dtype`.
    pub(super) fn bias(&self, dtype: DType) -> Result<Option<Tensor>> {
        self.bias.as_ref().map(|b| b.to_dtype(dtype)).transpose()
    }
}

/// `x` `(..., in)` to `(..., out)`. The gradient goes to `x` only.
pub fn linear(x: &Tensor, w: &Linear) -> Result<Tensor> {
    match w.packed_for(x)? {
        Some(packed) => apply1(&x.contiguous()?, LinearOp(packed.clone()), Reads::Shapes),
        None => device::linear(x, w),
    }
}

/// `shape` with the last dimension replaced.
pub(super) fn with_channels(shape: &Shape, channels: usize) -> Shape {
    let mut dims = shape.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = channels;
    }
    Shape::from(dims)
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
