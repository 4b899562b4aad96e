//! The frozen two-dimensional convolution, channels last.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::cpu::conv::{Class, Geometry, backward, backward_classes, forward};
use super::cpu::panels::{Panels, pack_tensor, pad_bias};
use super::cpu::product::Start;
use super::cpu::tensors::{is_fast, slice, with_slice};
use super::cpu::winograd;
use super::reference;

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
    Plain(Tensor),
}

#[derive(Debug)]
struct PackedConv {
    /// `(out, tap · in + channel)`, taps row by row.
    forward: Panels,
    bias: Option<Vec<f32>>,
    /// For the gradient of the input; made when first asked for, like the following.
    backward: OnceLock<Vec<Class>>,
    fast_forward: OnceLock<winograd::Weight>,
    fast_backward: OnceLock<winograd::Weight>,
}

impl PackedConv {
    /// The number of the kernel for output `n`, input `k`, row `y` and column `x` of three.
    fn get(&self, channels: usize, n: usize, k: usize, y: usize, x: usize) -> f32 {
        self.forward.get(n, (y * 3 + x) * channels + k)
    }

    /// Winograd's size for this call: for weights in f32 only, as others are stored so to save memory.
    fn winograd(&self, g: &Geometry) -> Option<winograd::Size> {
        if self.forward.is_f32() { winograd::Size::choose(g) } else { None }
    }

    fn forward(&self, g: &Geometry, x: &[f32]) -> Vec<f32> {
        let Some(size) = self.winograd(g) else {
            return forward(g, &self.forward, self.bias.as_deref().map_or(Start::Zero, Start::Bias), x);
        };
        let transform = || {
            winograd::Weight::new(size, g.out_channels, g.in_channels, |n, k, y, x| self.get(g.in_channels, n, k, y, x))
        };
        winograd::forward(g, self.fast_forward.get_or_init(transform), self.bias.as_deref(), x)
    }

    fn backward(&self, g: &Geometry, grad: &[f32]) -> Vec<f32> {
        let Some(size) = self.winograd(g) else {
            return backward(g, self.backward.get_or_init(|| backward_classes(g, &self.forward)), grad);
        };
        // The gradient is a convolution of the other way round, with the kernel turned by 180°.
        let turned = Geometry {
            height: g.out_height,
            width: g.out_width,
            in_channels: g.out_channels,
            out_height: g.height,
            out_width: g.width,
            out_channels: g.in_channels,
            top: 2 - g.top,
            left: 2 - g.left,
            ..*g
        };
        let transform = || {
            winograd::Weight::new(size, g.in_channels, g.out_channels, |n, k, y, x| {
                self.get(g.in_channels, k, n, 2 - y, 2 - x)
            })
        };
        winograd::forward(&turned, self.fast_backward.get_or_init(transform), None, grad)
    }
}

impl Conv2d {
    /// Takes `weight` in torch order `(out, in, kernel height, kernel width)` and `bias` `(out)`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, stride: usize, padding: Padding) -> Result<Self> {
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
        let taps = height * width;
        let weight = if weight.device().is_cpu() {
            let at = |n: usize, k: usize| (n * channels + k % channels) * taps + k / channels;
            let forward = pack_tensor(&weight, out, taps * channels, at)?;
            let bias = bias.as_ref().map(pad_bias).transpose()?;
            Weight::Packed(Arc::new(PackedConv {
                forward,
                bias,
                backward: OnceLock::new(),
                fast_forward: OnceLock::new(),
                fast_backward: OnceLock::new(),
            }))
        } else {
            Weight::Plain(weight.detach())
        };
        Ok(Self { dims: [out, channels, height, width], weight, bias, stride, padding })
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

    /// The weight `(out, in, kh, kw)` in `dtype`. On the CPU this is a slow copy.
    pub(super) fn weight(&self, dtype: DType) -> Result<Tensor> {
        match &self.weight {
            Weight::Plain(weight) => weight.to_dtype(dtype),
            Weight::Packed(packed) => {
                let [out, channels, height, width] = self.dims;
                let (taps, per_out) = (height * width, channels * height * width);
                let numbers = (0..out * per_out).map(|i| {
                    let (channel, tap) = (i % per_out / taps, i % taps);
                    packed.forward.get(i / per_out, tap * channels + channel)
                });
                Tensor::from_iter(numbers, &Device::Cpu)?.reshape(self.dims.as_slice())?.to_dtype(dtype)
            }
        }
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
        Weight::Packed(packed) if is_fast(x) => x.contiguous()?.apply_op1(ConvOp { weight: packed.clone(), geometry }),
        _ => reference::conv2d(x, w),
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
