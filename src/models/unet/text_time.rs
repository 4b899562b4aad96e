//! The embedding of pooled prompt and image sizes, which Stable Diffusion XL adds to the time's embedding.

use candle_core::{DType, Result, Tensor, bail};

use super::timestep;
use crate::kernels::{concatenate, silu};
use crate::models::adaptable::{AdaptableLayer, Role, Tokens};
use crate::models::adaptable_linear::{AdaptableLinear, Input};
use crate::models::conditioning::Conditioning;
use crate::models::config::{IMAGE_SIZES, TextTimeConfig, UNetConfig};
use crate::models::frozen::Frozen;
use crate::models::layers::Layers;
use crate::models::lora_set::LoraSet;
use crate::tensors::LoadError;

/// diffusers' `add_time_proj` and `add_embedding`.
/// <https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/unets/unet_2d_condition.py#L937>
#[derive(Debug)]
pub(super) struct TextTime {
    config: TextTimeConfig,
    flip_sin_to_cos: bool,
    freq_shift: f64,
    layers: [AdaptableLinear; 2],
    dtype: DType,
}

impl TextTime {
    pub(super) fn new(config: TextTimeConfig, unet: &UNetConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        let width = 4 * unet.blocks[0].channels;
        let input = |width| Input { width, tokens: Tokens::Single, role: Role::Edge };
        Ok(Self {
            config,
            flip_sin_to_cos: unet.flip_sin_to_cos,
            freq_shift: unet.freq_shift,
            layers: [
                AdaptableLinear::new("add_embedding.linear_1", (input(config.inputs()), width), true, at)?,
                AdaptableLinear::new("add_embedding.linear_2", (input(width), width), true, at)?,
            ],
            dtype: at.activation_dtype(),
        })
    }

    /// The layers an adapter may change, and their weights.
    pub(super) fn adaptable(&self) -> impl Iterator<Item = (&AdaptableLayer, Frozen<'_>)> {
        self.layers.iter().map(AdaptableLinear::adaptable)
    }

    /// What the conditions of `B` samples add to the embeddings of their times, `(B, 4·C0)` in the activations' type.
    ///
    /// # Errors
    /// Conditions without a pooled output `(B, P)` or sizes `(B, 6)`.
    pub(super) fn forward(&self, conditioning: &Conditioning, lora: &LoraSet) -> Result<Tensor> {
        let (Some(pooled), Some(sizes)) = (&conditioning.pooled, &conditioning.sizes) else {
            bail!("the UNet wants a pooled output and image sizes beside the prompt's tokens");
        };
        let (batch, numbers) = sizes.dims2()?;
        if pooled.dims() != [batch, self.config.pooled] || numbers != IMAGE_SIZES {
            let wanted = self.config.pooled;
            bail!(
                "the UNet wants a pooled output (B,{wanted}) and sizes (B,6), not {:?} and {:?}",
                pooled.dims(),
                sizes.dims()
            );
        }
        let flat = sizes.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let waves = timestep::sinusoids(&flat, self.config.size_width, self.flip_sin_to_cos, self.freq_shift);
        let waves = Tensor::from_vec(waves, (batch, numbers * self.config.size_width), pooled.device())?;
        let pooled = pooled.to_dtype(self.dtype)?.contiguous()?;
        let inputs = concatenate(&pooled, &waves.to_dtype(self.dtype)?)?;
        self.layers[1].forward(&silu(&self.layers[0].forward(&inputs, lora)?)?, lora)
    }
}
