//! Sizes that the parts of the autoencoder share.

use crate::models::config::VaeConfig;
use crate::models::resnet::ResnetSize;

/// Epsilon of every group norm in the autoencoder.
pub(super) const GROUP_NORM_EPS: f64 = 1e-6;

/// How many levels compute large images tile by tile: those of the highest resolutions. The other levels, and so the
/// attention, see the whole image.
pub(super) const TILED: usize = 2;

/// A residual block's sizes in the VAE.
pub(super) fn resnet_size(input: usize, output: usize, config: &VaeConfig) -> ResnetSize {
    ResnetSize { input, output, groups: config.groups, eps: GROUP_NORM_EPS, time: None, level: 0 }
}
