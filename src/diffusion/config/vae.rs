use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::{ConfigFile, OneOrMany};
use crate::diffusion::LoadError;

/// The part of `vae/config.json` that shapes the network.
#[derive(Debug, Clone, PartialEq)]
pub struct VaeConfig {
    /// Channels of an image, 3.
    pub image_channels: usize,
    /// Channels of the latents, 4.
    pub latent_channels: usize,
    /// Channels per resolution, finest first; each further one halves the size.
    pub channels: Vec<usize>,
    /// Residual blocks per resolution in the encoder; one more in the decoder.
    pub layers: usize,
    /// Groups of every group norm.
    pub groups: usize,
    /// Latents for the UNet are `(z - shift_factor) * scaling_factor`.
    pub scaling_factor: f64,
    /// See `scaling_factor`; 0 in Stable Diffusion.
    pub shift_factor: f64,
    /// A 1×1 convolution after the encoder.
    pub use_quant_conv: bool,
    /// A 1×1 convolution before the decoder.
    pub use_post_quant_conv: bool,
    /// Self-attention in the middle of both halves.
    pub mid_block_add_attention: bool,
}

#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    in_channels: usize,
    out_channels: usize,
    latent_channels: usize,
    block_out_channels: Vec<usize>,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    layers_per_block: OneOrMany<usize>,
    norm_num_groups: usize,
    scaling_factor: f64,
    shift_factor: Option<f64>,
    use_quant_conv: bool,
    use_post_quant_conv: bool,
    mid_block_add_attention: bool,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 4,
            block_out_channels: vec![64],
            down_block_types: vec!["DownEncoderBlock2D".to_owned()],
            up_block_types: vec!["UpDecoderBlock2D".to_owned()],
            layers_per_block: OneOrMany::One(1),
            norm_num_groups: 32,
            scaling_factor: 0.18215,
            shift_factor: None,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
        }
    }
}

impl VaeConfig {
    /// How many pixels wide a latent is: 8.
    #[must_use]
    pub fn scale(&self) -> usize {
        1 << (self.channels.len() - 1)
    }

    /// Reads `vae/config.json`.
    ///
    /// # Errors
    /// Names a key whose value is not implemented or out of range.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        Self::checked(&ConfigFile::read(path)?)
    }

    /// The same from text; `path` is for messages.
    ///
    /// # Errors
    /// As [`VaeConfig::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, LoadError> {
        Self::checked(&ConfigFile::parse(path, text)?)
    }

    fn checked(file: &ConfigFile) -> Result<Self, LoadError> {
        file.only("_class_name", &[json!("AutoencoderKL")])?;
        file.only("act_fn", &[json!("silu"), json!("swish")])?;
        file.only("down_block_types", &[json!("DownEncoderBlock2D")])?;
        file.only("up_block_types", &[json!("UpDecoderBlock2D")])?;
        for key in ["latents_mean", "latents_std"] {
            if file.keys.get(key).is_some_and(|v| !v.is_null()) {
                file.only(key, &[])?;
            }
        }
        let raw: Raw = file.typed()?;
        let n = raw.block_out_channels.len();
        file.channels(&raw.block_out_channels, raw.norm_num_groups)?;
        if raw.down_block_types.len() != n || raw.up_block_types.len() != n {
            return Err(file.invalid(format!("`down_block_types` and `up_block_types` must have {n} entries each")));
        }
        if raw.in_channels != 3 || raw.out_channels != 3 {
            return Err(file.invalid("`in_channels` and `out_channels` must be 3 (RGB)"));
        }
        file.in_range("latent_channels", raw.latent_channels, 64)?;
        let OneOrMany::One(layers) = raw.layers_per_block else {
            return Err(file.invalid("`layers_per_block` must be one number"));
        };
        file.in_range("layers_per_block", layers, 16)?;
        let scale = raw.scaling_factor;
        let shift = raw.shift_factor.unwrap_or(0.0);
        if !scale.is_finite() || scale <= 0.0 || !shift.is_finite() {
            let reason =
                format!("`scaling_factor` is {scale} and `shift_factor` {shift}: not a positive and a finite number");
            return Err(file.invalid(reason));
        }
        Ok(Self {
            image_channels: raw.in_channels,
            latent_channels: raw.latent_channels,
            channels: raw.block_out_channels,
            layers,
            groups: raw.norm_num_groups,
            scaling_factor: scale,
            shift_factor: shift,
            use_quant_conv: raw.use_quant_conv,
            use_post_quant_conv: raw.use_post_quant_conv,
            mid_block_add_attention: raw.mid_block_add_attention,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SD1: &str = r#"{"_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
        "in_channels": 3, "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3,
        "sample_size": 512}"#;

    #[test]
    fn sd1_has_no_scaling_factor_key() {
        let config = VaeConfig::parse(Path::new("vae/config.json"), SD1).unwrap();
        assert_eq!((config.scaling_factor, config.shift_factor, config.layers), (0.18215, 0.0, 2));
        assert!(config.use_quant_conv && config.mid_block_add_attention);
    }

    #[test]
    fn refusals_name_the_key() {
        for (from, to, key) in [
            ("\"sample_size\": 512", "\"latents_mean\": [0.0, 1.0]", "latents_mean"),
            ("\"silu\"", "\"relu\"", "act_fn"),
            ("\"in_channels\": 3", "\"in_channels\": 1", "in_channels"),
            ("\"sample_size\": 512", "\"scaling_factor\": 0", "scaling_factor"),
            ("\"AutoencoderKL\"", "\"AsymmetricAutoencoderKL\"", "AsymmetricAutoencoderKL"),
            ("[128, 256, 512, 512]", "[128, 256]", "down_block_types"),
        ] {
            let message =
                VaeConfig::parse(Path::new("vae/config.json"), &SD1.replace(from, to)).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
