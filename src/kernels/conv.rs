//! The frozen two-dimensional convolution, channels last.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::cpu::conv::{self as direct, Geometry};
use super::cpu::panels::{Element, Pack, Panels, pack_tensor, pad_bias};
use super::cpu::product::Start;
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::cpu::winograd;
use super::recording::{Reads, apply1};
use super::{Packing, device};

/// Zeros added around a feature map, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// The same number of pixels on all four sides.
    #[must_use]
    pub fn same(pixels: usize) -> Self {
        Self { top: pixels, bottom: pixels, left: pixels, right: pixels }
    }
}

/// Frozen weights of a convolution (one group, dilation 1).
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// `(out, in, kernel height, kernel width)`.
    dims: [usize; 4],
    weight: Weight,
    bias: Option<Tensor>,
    stride: usize,
    padding: Padding,
}

/// CPU weights are kept only in the order the product reads them, in their storage dtype.
#[derive(Clone, Debug)]
enum Weight {
    Packed(Arc<PackedConv>),
    Plain(Arc<PlainConv>),
}

/// A weight on another device: `(out, in, kernel height, kernel width)`, on CUDA `(out, kernel height, kernel width, in)`.
#[derive(Debug)]
struct PlainConv {
    weight: Tensor,
    /// As the weight; see [`Conv2d::turned`]. Made when first needed.
    turned: OnceLock<Tensor>,
}

impl PlainConv {
    fn new(weight: &Tensor) -> Result<Self> {
        let weight = weight.detach();
        let weight = if weight.device().is_cuda() { weight.permute((0, 2, 3, 1))?.contiguous()? } else { weight };
        Ok(Self { weight, turned: OnceLock::new() })
    }

    fn turned(&self) -> Result<&Tensor> {
        if let Some(turned) = self.turned.get() {
            return Ok(turned);
        }
        let turned = if self.weight.device().is_cuda() {
            self.weight.flip(&[1, 2])?.permute((3, 1, 2, 0))?.contiguous()?
        } else {
            turned(&self.weight)?
        };
        Ok(self.turned.get_or_init(|| turned))
    }

    /// In the order `(_, _, height, width)`.
    fn channels_first(weight: &Tensor) -> Result<Tensor> {
        if weight.device().is_cuda() { weight.permute((0, 3, 1, 2))?.contiguous() } else { Ok(weight.clone()) }
    }
}

/// `(out, in, height, width)` as `(in, out, height, width)` with its taps in reverse order.
fn turned(weight: &Tensor) -> Result<Tensor> {
    weight.flip(&[2, 3])?.transpose(0, 1)?.contiguous()
}

#[derive(Debug)]
struct PackedConv {
    kernel: Kernel,
    bias: Option<Vec<f32>>,
}

/// One pack serves both directions; of small transformed kernels a turned copy is kept, too.
#[derive(Debug)]
enum Kernel {
    /// `(out, tap · in + channel)`, taps row by row.
    Direct(Panels),
    Winograd(winograd::Weight),
}

impl PackedConv {
    fn forward(&self, g: &Geometry, x: &[f32]) -> Vec<f32> {
        let bias = self.bias.as_deref();
        match &self.kernel {
            Kernel::Direct(weight) => direct::forward(g, weight.view(), bias.map_or(Start::Zero, Start::Bias), x),
            Kernel::Winograd(weight) => winograd::forward(g, &weight.forward(), bias, x),
        }
    }

    fn backward(&self, g: &Geometry, grad: &[f32]) -> Vec<f32> {
        match &self.kernel {
            Kernel::Direct(weight) => direct::backward(g, weight, grad),
            Kernel::Winograd(weight) => {
                // The gradient is a convolution of the other way round.
                let turned = Geometry { top: 2 - g.top, left: 2 - g.left, ..g.turned() };
                winograd::forward(&turned, &weight.backward(), None, grad)
            }
        }
    }
}

/// Packs a weight `(out, in, height, width)`.
struct PackKernel {
    dims: [usize; 4],
    winograd: Option<winograd::Size>,
}

impl Pack for PackKernel {
    type Packed = Kernel;
    fn pack<T: Element>(self, numbers: &[T]) -> Kernel {
        let [out, channels, height, width] = self.dims;
        let taps = height * width;
        match self.winograd {
            Some(size) => Kernel::Winograd(winograd::Weight::new::<T>(size, out, channels, |n, k| {
                std::array::from_fn(|tap| numbers[(n * channels + k) * 9 + tap].to_f32())
            })),
            None => Kernel::Direct(Panels::pack(out, taps * channels, |n, k| {
                numbers[(n * channels + k % channels) * taps + k / channels]
            })),
        }
    }
}

impl Conv2d {
    /// Takes `weight` in torch order `(out, in, kernel height, kernel width)` and `bias` `(out)`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, stride: usize, padding: Padding) -> Result<Self> {
        Self::packed(weight, bias, stride, padding, Packing::Fast)
    }

    /// As [`Conv2d::new`], with a choice between speed and memory.
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
            let near = [padding.top, padding.bottom, padding.left, padding.right].into_iter().all(|pixels| pixels <= 2);
            let half = matches!(weight.dtype(), DType::BF16 | DType::F16);
            let fits = near && (height, width, stride) == (3, 3, 1) && packing == Packing::Fast;
            let winograd = if fits { winograd::Size::choose(out, channels, half) } else { None };
            let kernel = pack_tensor(&weight, PackKernel { dims, winograd })?;
            let bias = bias.as_ref().map(pad_bias).transpose()?;
            Weight::Packed(Arc::new(PackedConv { kernel, bias }))
        } else {
            Weight::Plain(Arc::new(PlainConv::new(&weight)?))
        };
        Ok(Self { dims, weight, bias, stride, padding })
    }

    /// Kernel height and width in pixels.
    pub(super) fn kernel(&self) -> (usize, usize) {
        (self.dims[2], self.dims[3])
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    pub(super) fn padding(&self) -> Padding {
        self.padding
    }

    /// The weight `(out, in, kh, kw)` in `dtype`. On the CPU and CUDA this is a slow copy, on the CPU rounded if it was packed transformed.
    pub(super) fn weight(&self, dtype: DType) -> Result<Tensor> {
        match &self.weight {
            Weight::Plain(plain) => PlainConv::channels_first(&plain.weight)?.to_dtype(dtype),
            Weight::Packed(packed) => {
                let [out, channels, height, width] = self.dims;
                let (taps, per_out) = (height * width, channels * height * width);
                let number = |n: usize, k: usize, tap: usize| match &packed.kernel {
                    Kernel::Direct(weight) => weight.get(0, n, tap * channels + k),
                    Kernel::Winograd(weight) => weight.get(n, k, tap / 3, tap % 3),
                };
                let numbers = (0..out * per_out).map(|i| number(i / per_out, i % per_out / taps, i % taps));
                Tensor::from_iter(numbers, &Device::Cpu)?.reshape(self.dims.as_slice())?.to_dtype(dtype)
            }
        }
    }

    /// The weight of the convolution that takes the gradient back, `(in, out, kh, kw)` with its taps in reverse order.
    pub(super) fn turned(&self, dtype: DType) -> Result<Tensor> {
        match &self.weight {
            Weight::Packed(_) => turned(&self.weight(dtype)?),
            Weight::Plain(plain) => PlainConv::channels_first(plain.turned()?)?.to_dtype(dtype),
        }
    }

    #[cfg(feature = "cuda")]
    fn on_cuda(&self) -> Result<&PlainConv> {
        match &self.weight {
            Weight::Plain(plain) if plain.weight.device().is_cuda() => Ok(plain),
            _ => bail!("conv2d: the weight is not on the device of its input"),
        }
    }

    /// The weight `(out, kh, kw, in)` of a layer on CUDA in `dtype`.
    #[cfg(feature = "cuda")]
    pub(super) fn rows(&self, dtype: DType) -> Result<Tensor> {
        self.on_cuda()?.weight.to_dtype(dtype)
    }

    /// As [`Conv2d::rows`], [turned](Conv2d::turned): `(in, kh, kw, out)`.
    #[cfg(feature = "cuda")]
    pub(super) fn turned_rows(&self, dtype: DType) -> Result<Tensor> {
        self.on_cuda()?.turned()?.to_dtype(dtype)
    }

    /// The bias `(out)` in `dtype`.
    pub(super) fn bias(&self, dtype: DType) -> Result<Option<Tensor>> {
        self.bias.as_ref().map(|b| b.to_dtype(dtype)).transpose()
    }

    /// Sizes for an input of shape `(batch, height, width, in)`.
    pub(super) fn geometry(&self, x: &Tensor) -> Result<Geometry> {
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

/// `x` `(batch, height, width, in)` to `(batch, height', width', out)`. The gradient goes to `x` only.
pub fn conv2d(x: &Tensor, w: &Conv2d) -> Result<Tensor> {
    let geometry = w.geometry(x)?;
    match &w.weight {
        Weight::Packed(packed) if is_fast(x) => {
            apply1(&x.contiguous()?, ConvOp { weight: packed.clone(), geometry }, Reads::Shapes)
        }
        _ => device::conv2d(x, w),
    }
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
        let g = &self.geometry;
        let y = self.weight.forward(g, slice(x, layout)?);
        Ok((CpuStorage::F32(y), Shape::from((g.batch, g.out_height, g.out_width, g.out_channels))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_slice(grad, |grad| Ok(self.weight.backward(&self.geometry, grad)))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
