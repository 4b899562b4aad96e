//! `vae/config.json`.

use std::path::Path;

use candle_core::Tensor;
use serde_json::json;

use super::file::ConfigFile;
use crate::tensors::LoadError;

/// The part of `vae/config.json` that shapes the network.
#[derive(Debug, Clone, PartialEq)]
pub struct VaeConfig {
    /// Channels of an image, 3.
    pub image_channels: usize,
    /// Channels of the latents, 4.
    pub latent_channels: usize,
    /// Channels per resolution, the finest first. Each resolution has half the width and height of the one before.
    pub channels: Vec<usize>,
    /// Residual blocks per resolution in the encoder; one more in the decoder.
    pub layers: usize,
    /// Groups of every group norm.
    pub groups: usize,
    /// Latents for the UNet are `z * scaling_factor`.
    pub scaling_factor: f64,
    /// A 1×1 convolution after the encoder.
    pub use_quant_conv: bool,
    /// A 1×1 convolution before the decoder.
    pub use_post_quant_conv: bool,
    /// Self-attention in the middle of both halves.
    pub mid_block_add_attention: bool,
}

/// Every known key of a VAE's configuration. It is used or checked, or it changes no number here.
pub(crate) const KNOWN: [&str; 21] = [
    "in_channels",
    "out_channels",
    "down_block_types",
    "up_block_types",
    "block_out_channels",
    "layers_per_block",
    "act_fn",
    "latent_channels",
    "norm_num_groups",
    "sample_size",
    "scaling_factor",
    "shift_factor",
    "latents_mean",
    "latents_std",
    // The VAE computes in f32 here.
    "force_upcast",
    "use_quant_conv",
    "use_post_quant_conv",
    "mid_block_add_attention",
    "quantization_config",
    "dtype",
    "torch_dtype",
];

/// How the latents of the VAE and those of the denoiser differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatentScale {
    factor: f64,
}

impl LatentScale {
    /// The denoiser's latents are `factor` times the VAE's.
    #[must_use]
    pub fn new(factor: f64) -> Self {
        Self { factor }
    }

    /// The VAE's latents as the denoiser sees them.
    ///
    /// # Errors
    /// A device without room.
    pub fn to_denoiser(self, latents: &Tensor) -> candle_core::Result<Tensor> {
        latents.affine(self.factor, 0.0)
    }

    /// The denoiser's latents as the VAE decodes them.
    ///
    /// # Errors
    /// A device without room.
    pub fn to_vae(self, latents: &Tensor) -> candle_core::Result<Tensor> {
        latents.affine(1.0 / self.factor, 0.0)
    }
}

impl VaeConfig {
    /// How its latents and the denoiser's differ.
    #[must_use]
    pub fn latent_scale(&self) -> LatentScale {
        LatentScale::new(self.scaling_factor)
    }

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
        file.all_null(&["latents_mean", "latents_std", "quantization_config"])?;
        let fields = &file.fields;
        let channels = file.good(fields.list("block_out_channels", &[64]))?;
        let groups = file.good(fields.count("norm_num_groups", 32))?;
        file.channels(&channels, groups)?;
        for (key, default) in [("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")] {
            let blocks = file.good(fields.texts(key, &[default]))?.len();
            if blocks != channels.len() {
                return Err(file.invalid(format!("`{key}` has {blocks} entries, not {}", channels.len())));
            }
        }
        let image_channels = file.good(fields.count("in_channels", 3))?;
        if image_channels != 3 || file.good(fields.count("out_channels", 3))? != 3 {
            return Err(file.invalid("`in_channels` and `out_channels` must be 3 (RGB)"));
        }
        let latent_channels = file.good(fields.count("latent_channels", 4))?;
        file.in_range("latent_channels", latent_channels, 64)?;
        let layers = file.good(fields.count("layers_per_block", 1))?;
        file.in_range("layers_per_block", layers, 16)?;
        // Stable Diffusion 1 and 2 have no shift: diffusers' pipeline for them does not apply it.
        if fields.some("shift_factor").is_some() && file.good(fields.number("shift_factor", 0.0))? != 0.0 {
            return Err(file.invalid("`shift_factor` must be 0 or null: it belongs to other families of models"));
        }
        Ok(Self {
            image_channels,
            latent_channels,
            channels,
            layers,
            groups,
            scaling_factor: file.positive("scaling_factor", 0.18215)?,
            use_quant_conv: file.good(fields.flag("use_quant_conv", true))?,
            use_post_quant_conv: file.good(fields.flag("use_post_quant_conv", true))?,
            mid_block_add_attention: file.good(fields.flag("mid_block_add_attention", true))?,
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
        assert_eq!((config.scaling_factor, config.layers), (0.18215, 2));
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
            ("\"sample_size\": 512", "\"scaling_factor\": null", "scaling_factor"),
            ("\"layers_per_block\": 2", "\"layers_per_block\": [2, 2, 2, 2]", "layers_per_block"),
            ("\"sample_size\": 512", "\"use_quant_conv\": \"no\"", "use_quant_conv"),
        ] {
            let message =
                VaeConfig::parse(Path::new("vae/config.json"), &SD1.replace(from, to)).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
