//! The residual block, and the change of resolution, that the UNet and the VAE share.

use candle_core::{Result, Tensor};

use crate::kernels::{Activation, GroupNorm, Padding, add, add_to_pixels, group_norm, upsample_nearest_2x};
use crate::models::adaptable::{AdaptableLayer, Role, Tokens};
use crate::models::adaptable_conv::{AdaptableConv, ConvSize};
use crate::models::adaptable_linear::{AdaptableLinear, Input};
use crate::models::frozen::Frozen;
use crate::models::layers::Layers;
use crate::models::lora_set::LoraSet;
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

/// What normalises groups of channels: [`group_norm`], or one that knows of more than the tensor it is given.
pub(crate) type Norm<'a> = &'a dyn Fn(&Tensor, &GroupNorm, Activation) -> Result<Tensor>;

/// Two 3×3 convolutions with group norms and SiLU, the timestep's embedding added between them, and a
/// shortcut. <https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/resnet.py#L193>
#[derive(Debug)]
pub(crate) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: AdaptableConv,
    time: Option<AdaptableLinear>,
    norm2: GroupNorm,
    conv2: AdaptableConv,
    shortcut: Option<AdaptableLinear>,
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
    /// How often the sides of the first feature map are halved before this one.
    pub(crate) level: usize,
}

impl ResnetBlock {
    pub(crate) fn new(size: ResnetSize, at: &Layers) -> std::result::Result<Self, LoadError> {
        let ResnetSize { input, output, groups, eps, time, level } = size;
        let (padding, tokens) = (Padding::same(1), Tokens::Grid(level));
        let conv = |input| ConvSize { input, output, kernel: 3, stride: 1, padding, tokens };
        let embedding = |width| Input { width, tokens: Tokens::Single, role: Role::Other };
        let shortcut = || {
            let (name, weights) = ("conv_shortcut", at.pointwise("conv_shortcut", input, output)?);
            let seen = Input { width: input, tokens, role: Role::Other };
            Ok(AdaptableLinear::named(at.at(name).name().to_owned(), (seen, output), weights).into_convolution())
        };
        Ok(Self {
            norm1: at.group_norm("norm1", input, groups, eps)?,
            conv1: AdaptableConv::new("conv1", conv(input), at)?,
            time: time
                .map(|width| AdaptableLinear::new("time_emb_proj", (embedding(width), output), true, at))
                .transpose()?,
            norm2: at.group_norm("norm2", output, groups, eps)?,
            conv2: AdaptableConv::new("conv2", conv(output), at)?,
            shortcut: (input != output).then(shortcut).transpose()?,
        })
    }

    /// `x` `(B,H,W,input)` → `(B,H,W,output)`, without a time and an adapter.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(&group_norm, x)
    }

    /// As [`forward`](Self::forward), with another way to normalise.
    pub(crate) fn forward_with(&self, norm: Norm<'_>, x: &Tensor) -> Result<Tensor> {
        self.pass(norm, x, None, &LoraSet::empty())
    }

    /// `x` `(B,H,W,input)`, `time` `(B,width)` after SiLU → `(B,H,W,output)`, with what the adapter adds.
    pub(crate) fn adapted(&self, x: &Tensor, time: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        self.pass(&group_norm, x, Some(time), lora)
    }

    fn pass(&self, norm: Norm<'_>, x: &Tensor, time: Option<&Tensor>, lora: &LoraSet) -> Result<Tensor> {
        let mut h = self.conv1.forward(&norm(x, &self.norm1, Activation::Silu)?, lora)?;
        if let (Some(layer), Some(time)) = (&self.time, time) {
            h = add_to_pixels(&h, &layer.forward(time, lora)?)?;
        }
        let h = self.conv2.forward(&norm(&h, &self.norm2, Activation::Silu)?, lora)?;
        match &self.shortcut {
            Some(layer) => add(&layer.forward(x, lora)?, &h),
            None => add(x, &h),
        }
    }

    /// The layers an adapter may change, and their weights.
    pub(super) fn adaptable(&self) -> impl Iterator<Item = (&AdaptableLayer, Frozen<'_>)> {
        let linear = self.time.iter().chain(&self.shortcut).map(AdaptableLinear::adaptable);
        [&self.conv1, &self.conv2].into_iter().map(AdaptableConv::adaptable).chain(linear)
    }
}

impl ResnetBlock {
    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(crate) fn trace(&self, t: &Trace, x: &Map, time: Option<&Map>) -> Map {
        let mut h = self.conv1.trace(t, &t.norm(x));
        if let (Some(layer), Some(time)) = (&self.time, time) {
            h = t.joined(&[&h, &layer.trace(t, time)], h.dims());
        }
        let h = self.conv2.trace(t, &t.norm(&h));
        match &self.shortcut {
            Some(layer) => t.joined(&[&layer.trace(t, x), &h], h.dims()),
            None => t.joined(&[x, &h], h.dims()),
        }
    }
}

/// Halves the size: a 3×3 convolution with stride 2.
#[derive(Debug)]
pub(crate) struct Downsample(AdaptableConv);

impl Downsample {
    /// The UNet pads all sides, the VAE below and to the right only. `level` is that of the input.
    pub(crate) fn new(
        channels: usize,
        padding: Padding,
        level: usize,
        at: &Layers,
    ) -> std::result::Result<Self, LoadError> {
        let (input, output, tokens) = (channels, channels, Tokens::Grid(level));
        Ok(Self(AdaptableConv::new("conv", ConvSize { input, output, kernel: 3, stride: 2, padding, tokens }, at)?))
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.adapted(x, &LoraSet::empty())
    }

    pub(crate) fn adapted(&self, x: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        self.0.forward(x, lora)
    }

    /// The layer that an adapter may change, and its weights.
    pub(super) fn adaptable(&self) -> (&AdaptableLayer, Frozen<'_>) {
        self.0.adaptable()
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(crate) fn trace(&self, t: &Trace, x: &Map) -> Map {
        self.0.trace(t, x)
    }
}

/// Doubles the size by nearest neighbour, then a 3×3 convolution.
#[derive(Debug)]
pub(crate) struct Upsample(AdaptableConv);

impl Upsample {
    /// `level` is that of the result.
    pub(crate) fn new(channels: usize, level: usize, at: &Layers) -> std::result::Result<Self, LoadError> {
        let (input, output, tokens, padding) = (channels, channels, Tokens::Grid(level), Padding::same(1));
        Ok(Self(AdaptableConv::new("conv", ConvSize { input, output, kernel: 3, stride: 1, padding, tokens }, at)?))
    }

    /// `size`: the wanted height and width, twice the input's or one less.
    pub(crate) fn forward(&self, x: &Tensor, size: Option<(usize, usize)>) -> Result<Tensor> {
        self.adapted(x, size, &LoraSet::empty())
    }

    pub(crate) fn adapted(&self, x: &Tensor, size: Option<(usize, usize)>, lora: &LoraSet) -> Result<Tensor> {
        let size = size.unwrap_or((2 * x.dim(1)?, 2 * x.dim(2)?));
        self.0.forward(&upsample_nearest_2x(x, size)?, lora)
    }

    /// The layer that an adapter may change, and its weights.
    pub(super) fn adaptable(&self) -> (&AdaptableLayer, Frozen<'_>) {
        self.0.adaptable()
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(crate) fn trace(&self, t: &Trace, x: &Map, size: Option<(usize, usize)>) -> Map {
        let &[batch, height, width, channels] = x.dims() else { return x.clone() };
        let (height, width) = size.unwrap_or((2 * height, 2 * width));
        self.0.trace(t, &t.joined(&[x], &[batch, height, width, channels]))
    }
}
