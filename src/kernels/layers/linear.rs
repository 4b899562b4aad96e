//! The frozen weights of a fully connected layer.

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Result, Tensor, bail};

use super::int8::Int8Weight;
use crate::kernels::packed::int8::Int8Rows;
use crate::kernels::packed::panels::{Matrix, Panels, pack_tensor, pad_bias};
use crate::kernels::packed::two_way::TwoWay;
use crate::kernels::packed::view::View;

/// The frozen weights of a fully connected layer, `y = x Wᵀ + b`.
#[derive(Clone, Debug)]
pub struct Linear {
    in_features: usize,
    out_features: usize,
    weight: Weight,
    bias: Option<Tensor>,
    norms: Arc<OnceLock<Tensor>>,
}

/// CPU weights are kept in their storage dtype, and only in the order in which the product reads them.
#[derive(Clone, Debug)]
enum Weight {
    Packed(Arc<PackedLinear>),
    Plain(Tensor),
    Int8(Int8Weight),
}

/// The numbers of the largest matrix for which a transposed copy is kept.
pub(crate) const KEPT: usize = 1 << 19;

/// The packed weights of a layer on the CPU.
#[derive(Debug)]
pub(crate) struct PackedLinear {
    weight: TwoWay,
    bias: Option<Vec<f32>>,
}

impl PackedLinear {
    fn new(panels: Panels, bias: Option<&Tensor>) -> Result<Self> {
        let bias = bias.map(pad_bias).transpose()?;
        Ok(Self { weight: TwoWay::new(panels, vec![(0, 1.)], KEPT), bias })
    }

    /// W, `(out, in)`.
    pub(crate) fn forward(&self) -> View<'_> {
        self.weight.forward(0)
    }

    /// The bias, padded to whole panels.
    pub(crate) fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }

    /// Wᵀ, `(in, out)`.
    pub(crate) fn backward(&self) -> View<'_> {
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
            let panels = pack_tensor(&weight, Matrix(out_features, in_features))?;
            Weight::Packed(Arc::new(PackedLinear::new(panels, bias.as_ref())?))
        } else {
            Weight::Plain(weight.detach())
        };
        Ok(Self { in_features, out_features, weight, bias, norms: Arc::default() })
    }

    /// Like [`Linear::new`], with the weight as 8-bit integers: each output channel has a factor, its largest absolute
    /// weight divided by 127, and its weights are rounded to multiples of it (symmetric quantisation per channel). They
    /// become f32 or bf16 again a block at a time, while they are multiplied. `weight` is on the CPU, best in the dtype
    /// of its file; the layer is on `device`, and so is `bias`.
    pub fn int8(weight: Tensor, bias: Option<Tensor>, device: &Device) -> Result<Self> {
        let (out_features, in_features) = weight.dims2()?;
        if weight.elem_count() == 0 || bias.as_ref().is_some_and(|b| b.dims() != [out_features]) {
            let bias = bias.map(|b| b.dims().to_vec());
            bail!("linear: the bias has shape {bias:?}, the weight {:?}", weight.dims());
        }
        let (rows, bias) = (Int8Rows::of(&weight)?, bias.map(|b| b.detach()));
        let weight = if device.is_cpu() {
            Weight::Packed(Arc::new(PackedLinear::new(Panels::pack_int8(&rows), bias.as_ref())?))
        } else {
            Weight::Int8(Int8Weight::new(rows, device)?)
        };
        Ok(Self { in_features, out_features, weight, bias, norms: Arc::default() })
    }

    /// A layer of this size without numbers, to ask for its sizes.
    pub(crate) fn hollow(output: usize, input: usize) -> Result<Self> {
        let weight = Weight::Plain(Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as((output, input))?);
        Ok(Self { in_features: input, out_features: output, weight, bias: None, norms: Arc::default() })
    }

    /// The number of input channels.
    #[must_use]
    pub fn in_features(&self) -> usize {
        self.in_features
    }

    /// The number of output channels.
    #[must_use]
    pub fn out_features(&self) -> usize {
        self.out_features
    }

    /// The dtype that the weight is stored in; bf16 if it is stored as integers.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match &self.weight {
            Weight::Packed(packed) => packed.weight.panels().dtype(),
            Weight::Plain(weight) => weight.dtype(),
            Weight::Int8(_) => DType::BF16,
        }
    }

    /// Checks that `x` is `(..., in)`.
    pub(crate) fn check(&self, x: &Tensor) -> Result<()> {
        match x.dims() {
            [_, .., channels] if *channels == self.in_features => Ok(()),
            dims => bail!("linear: expected {} channels in the last dimension of {dims:?}", self.in_features),
        }
    }

    /// The packed weights, if the layer is on the CPU.
    pub(crate) fn packed(&self) -> Option<&Arc<PackedLinear>> {
        match &self.weight {
            Weight::Packed(packed) => Some(packed),
            Weight::Plain(_) | Weight::Int8(_) => None,
        }
    }

    /// The integers and factors, if the weight is stored so on a GPU.
    #[cfg(feature = "cuda")]
    pub(crate) fn int8_weight(&self) -> Option<&Int8Weight> {
        if let Weight::Int8(weight) = &self.weight { Some(weight) } else { None }
    }

    /// The weight `(out, in)` in `dtype`. On the CPU this is a slow copy.
    pub(crate) fn weight(&self, dtype: DType) -> Result<Tensor> {
        match &self.weight {
            Weight::Plain(weight) => weight.to_dtype(dtype),
            Weight::Int8(weight) => weight.widened(dtype),
            Weight::Packed(packed) => {
                let (out, columns) = (self.out_features, self.in_features);
                let numbers = (0..out * columns).map(|i| packed.weight.panels().get(0, i / columns, i % columns));
                Tensor::from_iter(numbers, &Device::Cpu)?.reshape((out, columns))?.to_dtype(dtype)
            }
        }
    }

    /// The bias `(out)` in `dtype`.
    pub(crate) fn bias(&self, dtype: DType) -> Result<Option<Tensor>> {
        self.bias.as_ref().map(|b| b.to_dtype(dtype)).transpose()
    }

    /// The Euclidean norm of the weights of each output, `(out)` f32. Computed once.
    pub(crate) fn norms(&self) -> Result<Tensor> {
        norms(&self.norms, || self.weight(DType::F32))
    }
}

/// The norms of the rows of a weight `(out, ...)`, which are computed if they are not known.
pub(super) fn norms(known: &OnceLock<Tensor>, weight: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
    if let Some(norms) = known.get() {
        return Ok(norms.clone());
    }
    let norms = weight()?.flatten_from(1)?.sqr()?.sum(1)?.sqrt()?;
    Ok(known.get_or_init(|| norms).clone())
}
