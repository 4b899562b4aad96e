//! The autoencoder between images and latents, diffusers' `AutoencoderKL`.

mod attention;
mod decoder;
mod encoder;
mod sizes;
mod tiling;

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::kernels::{Linear, Storage, linear, on_workers};
#[cfg(doc)]
use crate::models::config::LatentScale;
use crate::models::config::VaeConfig;
use crate::models::layers::{self, Layers};
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;
use crate::tensors::Weights;
use decoder::Decoder;
use encoder::Encoder;
use tiling::Tiling;

/// Encodes images to a distribution of latents, decodes latents to images. Frozen.
#[derive(Debug)]
pub struct AutoencoderKl {
    config: VaeConfig,
    encoder: Encoder,
    quant: Option<Linear>,
    post_quant: Option<Linear>,
    decoder: Decoder,
    dtype: DType,
    tiling: Tiling,
}

/// Pixels of the longest side that is not cut into tiles: at 768 × 768 Stable Diffusion's decoder needs some 2 GB.
const UNTILED: usize = 768;

impl AutoencoderKl {
    /// Loads the weights onto `device`; `storage` says how they are stored (a dtype will do). The attention's layers
    /// may have the names that they had before 2023 (`query`, `key`, `value`, `proj_attn`).
    ///
    /// # Errors
    /// Names every tensor that is missing, superfluous or of the wrong shape.
    pub fn load(
        config: &VaeConfig,
        weights: &Weights,
        device: &Device,
        storage: impl Into<Storage>,
    ) -> std::result::Result<Self, LoadError> {
        layers::load(weights, device, storage.into(), |at| Self::new(config, at))
    }

    pub(crate) fn new(config: &VaeConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        let z = config.latent_channels;
        Ok(Self {
            encoder: Encoder::new(config, &at.at("encoder"))?,
            quant: config.use_quant_conv.then(|| at.pointwise("quant_conv", 2 * z, 2 * z)).transpose()?,
            post_quant: config.use_post_quant_conv.then(|| at.pointwise("post_quant_conv", z, z)).transpose()?,
            decoder: Decoder::new(config, &at.at("decoder"))?,
            dtype: at.activation_dtype(),
            tiling: Tiling::new(UNTILED, config.layers),
            config: config.clone(),
        })
    }

    /// Cuts images with a side of more than `pixels` (768 by default) into overlapping tiles of about that size. This
    /// is done in the two levels of the highest resolution, which need most of the memory, and takes somewhat more than
    /// twice the time. No border shows. Pixels differ a little from those of the whole image, because group norms use
    /// statistics that are pooled from the tiles: 56 to 64 dB PSNR with tiles of 256 to 512 pixels, measured by
    /// `tests/vae_tiles.rs`. An input that needs a gradient is never cut.
    #[must_use]
    pub fn with_tiles_of(self, pixels: usize) -> Self {
        Self { tiling: Tiling::new(pixels, self.config.layers), ..self }
    }

    /// `images` `(B,3,H,W)` in -1..1, `H` and `W` multiples of [`VaeConfig::scale`] → mean and standard deviation of
    /// the latents, `(B,4,H/8,W/8)` f32, not scaled. The logarithm of the variance is clamped to -30..20 as in
    /// <https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/autoencoders/vae.py#L696>.
    ///
    /// # Errors
    /// If the shape is wrong.
    pub fn encode(&self, images: &Tensor) -> Result<(Tensor, Tensor)> {
        let (_, channels, height, width) = images.dims4()?;
        let scale = self.config.scale();
        if channels != self.config.image_channels
            || !height.is_multiple_of(scale)
            || !width.is_multiple_of(scale)
            || height * width == 0
        {
            bail!("the VAE encodes (B,3,H,W) with H and W multiples of {scale}, not {:?}", images.dims());
        }
        let x = images.permute((0, 2, 3, 1))?.to_dtype(self.dtype)?.contiguous()?;
        let mut moments = on_workers(|| self.encoder.forward(&x, self.tiling))?;
        if let Some(quant) = &self.quant {
            moments = linear(&moments, quant)?;
        }
        let moments = moments.permute((0, 3, 1, 2))?.to_dtype(DType::F32)?.contiguous()?;
        let z = self.config.latent_channels;
        let mean = moments.narrow(1, 0, z)?.contiguous()?;
        let log_variance = moments.narrow(1, z, z)?.clamp(-30f32, 20f32)?;
        Ok((mean, (log_variance * 0.5)?.exp()?))
    }

    /// As [`encode`](Self::encode), as far as memory is concerned; height and width in pixels.
    pub(crate) fn trace_encode(&self, t: &Trace, (height, width): (usize, usize)) -> Map {
        let pixels = t.meter().hold(3 * 4 * (height * width) as u64);
        let x = t.map(&[1, height, width, self.config.image_channels]);
        let moments = self.encoder.trace(t, &x, self.tiling);
        drop((pixels, x));
        moments
    }

    /// As [`decode`](Self::decode), as far as memory is concerned; height and width in pixels.
    pub(crate) fn trace_decode(&self, t: &Trace, (height, width): (usize, usize)) -> Map {
        let scale = self.config.scale();
        let latents = t.map(&[1, height / scale, width / scale, self.config.latent_channels]);
        let image = self.decoder.trace(t, &latents, self.tiling);
        // Channels change their place, and then numbers become bytes.
        let moved = t.meter().hold(2 * 4 * image.numbers() as u64);
        drop(moved);
        image
    }

    /// `latents` `(B,4,h,w)`, scaled for the VAE ([`LatentScale::to_vae`]) → images `(B,3,8h,8w)` f32, around -1..1.
    ///
    /// # Errors
    /// If the shape is wrong.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let mut x = latents.permute((0, 2, 3, 1))?.to_dtype(self.dtype)?.contiguous()?;
        if x.dim(3)? != self.config.latent_channels {
            bail!("the VAE decodes (B,{},h,w), not {:?}", self.config.latent_channels, latents.dims());
        }
        if let Some(post_quant) = &self.post_quant {
            x = linear(&x, post_quant)?;
        }
        on_workers(|| self.decoder.forward(&x, self.tiling))?.permute((0, 3, 1, 2))?.to_dtype(DType::F32)?.contiguous()
    }
}
