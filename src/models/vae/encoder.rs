//! From an image to the moments of its latents.

use candle_core::{Result, Tensor};

use super::attention::Middle;
use super::sizes::{GROUP_NORM_EPS, TILED, resnet_size};
use super::tiling::Tiling;
use crate::kernels::{Activation, Conv2d, GroupNorm, Padding, conv2d, group_norm};
use crate::models::config::VaeConfig;
use crate::models::layers::Layers;
use crate::models::resnet::{Downsample, Norm, ResnetBlock};
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

/// From an image to the moments of its latents.
#[derive(Debug)]
pub(super) struct Encoder {
    conv_in: Conv2d,
    levels: Vec<Level>,
    middle: Middle,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

/// Blocks of one resolution, and the way to the next.
#[derive(Debug)]
struct Level {
    resnets: Vec<ResnetBlock>,
    down: Option<Downsample>,
}

/// Zeros below and to the right only, `F.pad(x, (0, 1, 0, 1))`.
const PADDING: Padding = Padding { top: 0, bottom: 1, left: 0, right: 1 };

impl Encoder {
    pub(super) fn new(config: &VaeConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        let mut width = config.channels[0];
        let conv_in = at.conv("conv_in", (config.image_channels, width), 3, 1, Padding::same(1))?;
        let mut levels = Vec::new();
        for (i, channels) in config.channels.iter().enumerate() {
            let at = at.at("down_blocks").at(i);
            let mut resnets = Vec::new();
            for j in 0..config.layers {
                resnets.push(ResnetBlock::new(resnet_size(width, *channels, config), &at.at("resnets").at(j))?);
                width = *channels;
            }
            let last = i + 1 == config.channels.len();
            let down = (!last).then(|| Downsample::new(width, PADDING, 0, &at.at("downsamplers.0"))).transpose()?;
            levels.push(Level { resnets, down });
        }
        Ok(Self {
            conv_in,
            levels,
            middle: Middle::new(width, config, &at.at("mid_block"))?,
            norm_out: at.group_norm("conv_norm_out", width, config.groups, GROUP_NORM_EPS)?,
            conv_out: at.conv("conv_out", (width, 2 * config.latent_channels), 3, 1, Padding::same(1))?,
        })
    }

    /// `(B,H,W,3)` → `(B,H/8,W/8,8)`: mean, then logarithm of the variance. The first levels go tile by tile.
    pub(super) fn forward(&self, x: &Tensor, tiling: Tiling) -> Result<Tensor> {
        let (tiled, whole) = self.levels.split_at(self.levels.len().min(TILED));
        let scale = 1 << tiled.iter().filter(|level| level.down.is_some()).count();
        let mut x = tiling.map(x, (scale, 1), |norm, x| {
            let mut x = conv2d(x, &self.conv_in)?;
            for level in tiled {
                x = level.forward(norm, x)?;
            }
            Ok(x)
        })?;
        for level in whole {
            x = level.forward(&group_norm, x)?;
        }
        let x = self.middle.forward(&x)?;
        conv2d(&group_norm(&x, &self.norm_out, Activation::Silu)?, &self.conv_out)
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(super) fn trace(&self, t: &Trace, x: &Map, tiling: Tiling) -> Map {
        let (tiled, whole) = self.levels.split_at(self.levels.len().min(TILED));
        let scale = 1 << tiled.iter().filter(|level| level.down.is_some()).count();
        let mut x = tiling.trace(t, x, (scale, 1), |x| {
            let mut x = t.conv(x, &self.conv_in);
            for level in tiled {
                x = level.trace(t, x);
            }
            x
        });
        for level in whole {
            x = level.trace(t, x);
        }
        let x = self.middle.trace(t, &x);
        t.conv(&t.norm(&x), &self.conv_out)
    }
}

impl Level {
    fn forward(&self, norm: Norm<'_>, mut x: Tensor) -> Result<Tensor> {
        for resnet in &self.resnets {
            x = resnet.forward_with(norm, &x)?;
        }
        match &self.down {
            Some(down) => down.forward(&x),
            None => Ok(x),
        }
    }

    fn trace(&self, t: &Trace, mut x: Map) -> Map {
        for resnet in &self.resnets {
            x = resnet.trace(t, &x, None);
        }
        match &self.down {
            Some(down) => down.trace(t, &x),
            None => x,
        }
    }
}
