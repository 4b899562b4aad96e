//! The residual block, and the change of resolution, that the UNet and the VAE share.

use candle_core::{Result, Tensor};

use crate::kernels::{
    Activation, Conv2d, GroupNorm, Linear, Padding, add, add_to_pixels, conv2d, group_norm, linear, upsample_nearest_2x,
};
use crate::models::layers::Layers;
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

/// What normalises groups of channels: [`group_norm`], or one that knows of more than the tensor it is given.
pub(crate) type Norm<'a> = &'a dyn Fn(&Tensor, &GroupNorm, Activation) -> Result<Tensor>;

/// Two 3×3 convolutions with group norms and SiLU, the timestep's embedding added between them, and a
/// shortcut. <https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/resnet.py#L193>
#[derive(Debug)]
pub(crate) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Linear>,
}

/// Sizes of a [`ResnetBlock`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResnetSize {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) groups: usize,
    pub(crate) eps: f64,
    /// Width of the timestep embedding; `None` in the VAE.
    pub(crate) time: Option<usize>,
}

impl ResnetBlock {
    pub(crate) fn new(size: ResnetSize, at: &Layers) -> std::result::Result<Self, LoadError> {
        let ResnetSize { input, output, groups, eps, time } = size;
        Ok(Self {
            norm1: at.group_norm("norm1", input, groups, eps)?,
            conv1: at.conv("conv1", (input, output), 3, 1, Padding::same(1))?,
            time: time.map(|width| at.linear("time_emb_proj", width, output, true)).transpose()?,
            norm2: at.group_norm("norm2", output, groups, eps)?,
            conv2: at.conv("conv2", (output, output), 3, 1, Padding::same(1))?,
            shortcut: (input != output).then(|| at.pointwise("conv_shortcut", input, output)).transpose()?,
        })
    }

    /// `x` `(B,H,W,input)`, `time` `(B,width)` after SiLU → `(B,H,W,output)`.
    pub(crate) fn forward(&self, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        self.forward_with(&group_norm, x, time)
    }

    /// As [`forward`](Self::forward), with another way to normalise.
    pub(crate) fn forward_with(&self, norm: Norm<'_>, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let mut h = conv2d(&norm(x, &self.norm1, Activation::Silu)?, &self.conv1)?;
        if let (Some(layer), Some(time)) = (&self.time, time) {
            h = add_to_pixels(&h, &linear(time, layer)?)?;
        }
        let h = conv2d(&norm(&h, &self.norm2, Activation::Silu)?, &self.conv2)?;
        match &self.shortcut {
            Some(layer) => add(&linear(x, layer)?, &h),
            None => add(x, &h),
        }
    }
}

impl ResnetBlock {
    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(crate) fn trace(&self, t: &Trace, x: &Map, time: Option<&Map>) -> Map {
        let mut h = t.conv(&t.norm(x), &self.conv1);
        if let (Some(layer), Some(time)) = (&self.time, time) {
            h = t.joined(&[&h, &t.linear(time, layer)], h.dims());
        }
        let h = t.conv(&t.norm(&h), &self.conv2);
        match &self.shortcut {
            Some(layer) => t.joined(&[&t.linear(x, layer), &h], h.dims()),
            None => t.joined(&[x, &h], h.dims()),
        }
    }
}

/// Halves the size: a 3×3 convolution with stride 2.
#[derive(Debug)]
pub(crate) struct Downsample(Conv2d);

impl Downsample {
    /// The UNet pads all sides, the VAE below and to the right only.
    pub(crate) fn new(channels: usize, padding: Padding, at: &Layers) -> std::result::Result<Self, LoadError> {
        Ok(Self(at.conv("conv", (channels, channels), 3, 2, padding)?))
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.0)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(crate) fn trace(&self, t: &Trace, x: &Map) -> Map {
        t.conv(x, &self.0)
    }
}

/// Doubles the size by nearest neighbour, then a 3×3 convolution.
#[derive(Debug)]
pub(crate) struct Upsample(Conv2d);

impl Upsample {
    pub(crate) fn new(channels: usize, at: &Layers) -> std::result::Result<Self, LoadError> {
        Ok(Self(at.conv("conv", (channels, channels), 3, 1, Padding::same(1))?))
    }

    /// `size`: the wanted height and width, twice the input's or one less.
    pub(crate) fn forward(&self, x: &Tensor, size: Option<(usize, usize)>) -> Result<Tensor> {
        let size = size.unwrap_or((2 * x.dim(1)?, 2 * x.dim(2)?));
        conv2d(&upsample_nearest_2x(x, size)?, &self.0)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(crate) fn trace(&self, t: &Trace, x: &Map, size: Option<(usize, usize)>) -> Map {
        let &[batch, height, width, channels] = x.dims() else { return x.clone() };
        let (height, width) = size.unwrap_or((2 * height, 2 * width));
        t.conv(&t.joined(&[x], &[batch, height, width, channels]), &self.0)
    }
}
