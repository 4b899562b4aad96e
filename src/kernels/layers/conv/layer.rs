//! The layer: checks, the choice of a storage, and access to the weight in any order.

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Result, Tensor, bail};

use super::geometry::{Geometry, Padding};
use super::packed::PackedConv;
use super::plain::{PlainConv, turned};
use crate::kernels::layers::linear::norms;
use crate::kernels::layers::storage::Packing;

/// The frozen weights of a convolution with one group and dilation 1.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// `(out, in, kernel height, kernel width)`.
    dims: [usize; 4],
    weight: Weight,
    bias: Option<Tensor>,
    stride: usize,
    padding: Padding,
    norms: Arc<OnceLock<Tensor>>,
}

/// CPU weights are kept in their storage dtype, and only in the order in which the product reads them.
#[derive(Clone, Debug)]
enum Weight {
    Packed(Arc<PackedConv>),
    Plain(Arc<PlainConv>),
}

impl Conv2d {
    /// Takes `weight` in torch's order `(out, in, kernel height, kernel width)` and `bias` `(out)`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, stride: usize, padding: Padding) -> Result<Self> {
        Self::packed(weight, bias, stride, padding, Packing::Fast)
    }

    /// Like [`Conv2d::new`], with a choice between speed and memory.
    pub fn packed(
        weight: Tensor,
        bias: Option<Tensor>,
        stride: usize,
        padding: Padding,
        packing: Packing,
    ) -> Result<Self> {
        let (out, channels, height, width) = weight.dims4()?;
        if let Some(b) = &bias
            && b.dims() != [out]
        {
            bail!("conv2d: the bias has shape {:?}, the weight {:?}", b.dims(), weight.dims());
        }
        if stride == 0 || weight.elem_count() == 0 {
            bail!("conv2d: stride {stride} and weight {:?} must not be zero", weight.dims());
        }
        let bias = bias.map(|b| b.detach());
        let dims = [out, channels, height, width];
        let weight = if weight.device().is_cpu() {
            Weight::Packed(Arc::new(PackedConv::new(&weight, bias.as_ref(), stride, padding, packing)?))
        } else {
            Weight::Plain(Arc::new(PlainConv::new(&weight)?))
        };
        Ok(Self { dims, weight, bias, stride, padding, norms: Arc::default() })
    }

    /// The shape of the weight, `(out, in, kernel height, kernel width)`.
    pub(crate) fn dims(&self) -> [usize; 4] {
        self.dims
    }

    /// The Euclidean norm of the weights of each output, `(out)` f32. Computed once.
    pub(crate) fn norms(&self) -> Result<Tensor> {
        norms(&self.norms, || self.weight(DType::F32))
    }

    /// A layer with a kernel of these dimensions `(out, in, height, width)` without numbers, to ask for its sizes.
    pub(crate) fn hollow(dims: [usize; 4], stride: usize, padding: Padding) -> Result<Self> {
        let weight = Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(dims.as_slice())?;
        let weight = Weight::Plain(Arc::new(PlainConv::new(&weight)?));
        Ok(Self { dims, weight, bias: None, stride, padding, norms: Arc::default() })
    }

    /// The channels of the result, the channels of the input, and the side of the kernel.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        (self.dims[0], self.dims[1], self.dims[2])
    }

    /// Kernel height and width in pixels.
    pub(crate) fn kernel(&self) -> (usize, usize) {
        (self.dims[2], self.dims[3])
    }

    /// Pixels from one place of the kernel to the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn padding(&self) -> Padding {
        self.padding
    }

    /// The packed weights, if the layer is on the CPU.
    pub(crate) fn packed_weight(&self) -> Option<&Arc<PackedConv>> {
        match &self.weight {
            Weight::Packed(packed) => Some(packed),
            Weight::Plain(_) => None,
        }
    }

    /// The weight `(out, in, kh, kw)` in `dtype`. On the CPU and on CUDA this is a slow copy. On the CPU it is also
    /// rounded if the kernel was packed transformed.
    pub(crate) fn weight(&self, dtype: DType) -> Result<Tensor> {
        match &self.weight {
            Weight::Plain(plain) => plain.weight(dtype),
            Weight::Packed(packed) => {
                let [out, channels, height, width] = self.dims;
                let (taps, per_out) = (height * width, channels * height * width);
                let number = |i: usize| packed.get(i / per_out, i % per_out / taps, channels, i % taps);
                let numbers = (0..out * per_out).map(number);
                Tensor::from_iter(numbers, &Device::Cpu)?.reshape(self.dims.as_slice())?.to_dtype(dtype)
            }
        }
    }

    /// The weight for the convolution of the gradient: `(in, out, kh, kw)` with its taps in reverse order.
    pub(crate) fn turned(&self, dtype: DType) -> Result<Tensor> {
        match &self.weight {
            Weight::Packed(_) => turned(&self.weight(dtype)?),
            Weight::Plain(plain) => plain.turned(dtype),
        }
    }

    #[cfg(feature = "cuda")]
    fn on_cuda(&self) -> Result<&PlainConv> {
        match &self.weight {
            Weight::Plain(plain) if plain.is_on_cuda() => Ok(plain),
            _ => bail!("conv2d: the weight is not on the device of its input"),
        }
    }

    /// The weight `(out, kh, kw, in)` of a layer on CUDA in `dtype`.
    #[cfg(feature = "cuda")]
    pub(crate) fn rows(&self, dtype: DType) -> Result<Tensor> {
        self.on_cuda()?.as_stored().to_dtype(dtype)
    }

    /// The [turned](Conv2d::turned) weight `(in, kh, kw, out)` of a layer on CUDA in `dtype`.
    #[cfg(feature = "cuda")]
    pub(crate) fn turned_rows(&self, dtype: DType) -> Result<Tensor> {
        self.on_cuda()?.turned_as_stored()?.to_dtype(dtype)
    }

    /// The bias `(out)` in `dtype`.
    pub(crate) fn bias(&self, dtype: DType) -> Result<Option<Tensor>> {
        self.bias.as_ref().map(|b| b.to_dtype(dtype)).transpose()
    }

    /// The sizes for an input of shape `(batch, height, width, in)`.
    pub(crate) fn geometry(&self, x: &Tensor) -> Result<Geometry> {
        let (batch, height, width, channels) = x.dims4()?;
        let [out_channels, in_channels, kernel_height, kernel_width] = self.dims;
        if channels != in_channels {
            bail!("conv2d: {channels} channels, the weight has shape {:?}", self.dims);
        }
        let p = self.padding;
        let (padded_height, padded_width) = (height + p.top + p.bottom, width + p.left + p.right);
        if padded_height < kernel_height || padded_width < kernel_width {
            bail!("conv2d: {height}×{width} pixels are fewer than the kernel's {kernel_height}×{kernel_width}");
        }
        Ok(Geometry {
            batch,
            height,
            width,
            in_channels,
            out_height: (padded_height - kernel_height) / self.stride + 1,
            out_width: (padded_width - kernel_width) / self.stride + 1,
            out_channels,
            kernel_height,
            kernel_width,
            stride: self.stride,
            top: p.top,
            left: p.left,
        })
    }
}
