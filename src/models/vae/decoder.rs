//! From latents to an image.

use candle_core::{Result, Tensor};

use super::attention::Middle;
use super::sizes::{GROUP_NORM_EPS, TILED, resnet_size};
use super::tiling::Tiling;
use crate::kernels::{Activation, Conv2d, GroupNorm, Padding, conv2d, group_norm};
use crate::models::config::VaeConfig;
use crate::models::layers::Layers;
use crate::models::resnet::{Norm, ResnetBlock, Upsample};
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;

/// From latents to an image.
#[derive(Debug)]
pub(super) struct Decoder {
    conv_in: Conv2d,
    middle: Middle,
    levels: Vec<Level>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

/// Blocks of one resolution, and the way to it from the resolution before.
#[derive(Debug)]
struct Level {
    up: Option<Upsample>,
    resnets: Vec<ResnetBlock>,
}

impl Decoder {
    pub(super) fn new(config: &VaeConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        let mut width = config.channels[config.channels.len() - 1];
        let conv_in = at.conv("conv_in", (config.latent_channels, width), 3, 1, Padding::same(1))?;
        let middle = Middle::new(width, config, &at.at("mid_block"))?;
        let mut levels = Vec::new();
        for (i, channels) in config.channels.iter().rev().enumerate() {
            let at = at.at("up_blocks");
            // In the files, the upsampling belongs to the level before.
            let up = i.checked_sub(1).map(|i| Upsample::new(width, 0, &at.at(i).at("upsamplers.0"))).transpose()?;
            let mut resnets = Vec::new();
            for j in 0..=config.layers {
                resnets.push(ResnetBlock::new(resnet_size(width, *channels, config), &at.at(i).at("resnets").at(j))?);
                width = *channels;
            }
            levels.push(Level { up, resnets });
        }
        Ok(Self {
            conv_in,
            middle,
            levels,
            norm_out: at.group_norm("conv_norm_out", width, config.groups, GROUP_NORM_EPS)?,
            conv_out: at.conv("conv_out", (width, config.image_channels), 3, 1, Padding::same(1))?,
        })
    }

    /// `(B,h,w,4)` → `(B,8h,8w,3)`. The last levels go tile by tile.
    pub(super) fn forward(&self, x: &Tensor, tiling: Tiling) -> Result<Tensor> {
        let (whole, tiled) = self.levels.split_at(self.levels.len().saturating_sub(TILED));
        let mut x = self.middle.forward(&conv2d(x, &self.conv_in)?)?;
        for level in whole {
            x = level.forward(&group_norm, x)?;
        }
        let scale = 1 << tiled.iter().filter(|level| level.up.is_some()).count();
        tiling.map(&x, (1, scale), |norm, x| {
            let mut x = x.clone();
            for level in tiled {
                x = level.forward(norm, x)?;
            }
            conv2d(&norm(&x, &self.norm_out, Activation::Silu)?, &self.conv_out)
        })
    }

    /// As [`forward`](Self::forward), as far as memory is concerned.
    pub(super) fn trace(&self, t: &Trace, x: &Map, tiling: Tiling) -> Map {
        let (whole, tiled) = self.levels.split_at(self.levels.len().saturating_sub(TILED));
        let mut x = self.middle.trace(t, &t.conv(x, &self.conv_in));
        for level in whole {
            x = level.trace(t, x);
        }
        let scale = 1 << tiled.iter().filter(|level| level.up.is_some()).count();
        tiling.trace(t, &x, (1, scale), |x| {
            let mut x = x.clone();
            for level in tiled {
                x = level.trace(t, x);
            }
            t.conv(&t.norm(&x), &self.conv_out)
        })
    }
}

impl Level {
    fn forward(&self, norm: Norm<'_>, x: Tensor) -> Result<Tensor> {
        let mut x = match &self.up {
            Some(up) => up.forward(&x, None)?,
            None => x,
        };
        for resnet in &self.resnets {
            x = resnet.forward_with(norm, &x)?;
        }
        Ok(x)
    }

    fn trace(&self, t: &Trace, x: Map) -> Map {
        let mut x = match &self.up {
            Some(up) => up.trace(t, &x, None),
            None => x,
        };
        for resnet in &self.resnets {
            x = resnet.trace(t, &x, None);
        }
        x
    }
}
