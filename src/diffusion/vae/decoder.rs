use candle_core::{Result, Tensor};

use super::attention::Middle;
use super::{GROUP_NORM_EPS, resnet_size};
use crate::diffusion::LoadError;
use crate::diffusion::config::VaeConfig;
use crate::diffusion::layers::Layers;
use crate::diffusion::resnet::{ResnetBlock, Upsample};
use crate::kernels::{Activation, Conv2d, GroupNorm, Padding, conv2d, group_norm};

/// From latents to an image.
#[derive(Debug)]
pub(super) struct Decoder {
    conv_in: Conv2d,
    middle: Middle,
    blocks: Vec<(Vec<ResnetBlock>, Option<Upsample>)>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    pub(super) fn new(config: &VaeConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        let mut width = config.channels[config.channels.len() - 1];
        let conv_in = at.conv("conv_in", (config.latent_channels, width), 3, 1, Padding::same(1))?;
        let middle = Middle::new(width, config, &at.at("mid_block"))?;
        let mut blocks = Vec::new();
        for (i, channels) in config.channels.iter().rev().enumerate() {
            let at = at.at("up_blocks").at(i);
            let mut resnets = Vec::new();
            for j in 0..=config.layers {
                resnets.push(ResnetBlock::new(resnet_size(width, *channels, config), &at.at("resnets").at(j))?);
                width = *channels;
            }
            let last = i + 1 == config.channels.len();
            blocks.push((resnets, (!last).then(|| Upsample::new(width, &at.at("upsamplers.0"))).transpose()?));
        }
        Ok(Self {
            conv_in,
            middle,
            blocks,
            norm_out: at.group_norm("conv_norm_out", width, config.groups, GROUP_NORM_EPS)?,
            conv_out: at.conv("conv_out", (width, config.image_channels), 3, 1, Padding::same(1))?,
        })
    }

    /// `(B,h,w,4)` → `(B,8h,8w,3)`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.middle.forward(&conv2d(x, &self.conv_in)?)?;
        for (resnets, up) in &self.blocks {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(up) = up {
                x = up.forward(&x, None)?;
            }
        }
        conv2d(&group_norm(&x, &self.norm_out, Activation::Silu)?, &self.conv_out)
    }
}
