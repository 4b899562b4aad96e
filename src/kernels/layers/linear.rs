//! The frozen weights of a fully connected layer.

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::kernels::packed::panels::{Matrix, pack_tensor, pad_bias};
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
}

/// The numbers of the largest matrix for which a transposed copy is kept.
const KEPT: usize = 1 << 19;

/// The packed weights of a layer on the CPU.
#[derive(Debug)]
pub(crate) struct PackedLinear {
    weight: TwoWay,
    bias: Option<Vec<f32>>,
}

impl PackedLinear {
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
            let weight = pack_tensor(&weight, Matrix(out_features, in_features))?;
            let bias = bias.as_ref().map(pad_bias).transpose()?;
            let weight = TwoWay::new(weight, vec![(0, 1.)], KEPT);
            Weight::Packed(Arc::new(PackedLinear { weight, bias }))
        } else {
            Weight::Plain(weight.detach())
        };
        Ok(Self { in_features, out_features, weight, bias, norms: Arc::default() })
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

    /// The dtype that the weight is stored in.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match &self.weight {
            Weight::Packed(packed) => packed.weight.panels().dtype(),
            Weight::Plain(weight) => weight.dtype(),
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
            Weight::Plain(_) => None,
        }
    }

    /// The weight `(out, in)` in `dtype`. On the CPU this is a slow copy.
    pub(crate) fn weight(&self, dtype: DType) -> Result<Tensor> {
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
