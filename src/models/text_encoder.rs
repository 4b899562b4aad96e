//! The prompt's encoder, transformers' `CLIPTextModel`.

use candle_core::{DType, Result, Tensor, bail};

use crate::kernels::{
    LayerNorm, Linear, Storage, add, attention, gelu_erf, layer_norm, linear, on_workers, quick_gelu,
};
use crate::models::config::{Activation, TextConfig};
use crate::models::layers::Layers;
use crate::tensors::LoadError;
use crate::tensors::Weights;

/// Turns token ids into the context that the UNet attends to. Frozen.
#[derive(Debug)]
pub struct ClipTextModel {
    config: TextConfig,
    tokens: Tensor,
    positions: Tensor,
    layers: Vec<Layer>,
    final_norm: LayerNorm,
    dtype: DType,
}

#[derive(Debug)]
struct Layer {
    norm1: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl ClipTextModel {
    /// Loads the weights onto `device`; `storage` says how they are stored (a dtype will do). Names may start with
    /// `text_model.` or not.
    ///
    /// # Errors
    /// Names every tensor that is missing, superfluous or of the wrong shape.
    pub fn load(
        config: &TextConfig,
        weights: &Weights,
        device: &candle_core::Device,
        storage: impl Into<Storage>,
    ) -> std::result::Result<Self, LoadError> {
        super::layers::load(weights, device, storage.into(), |at| Self::new(config, at))
    }

    pub(crate) fn new(config: &TextConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        // The output of a projection that Stable Diffusion does not use.
        at.ignore("text_projection.weight");
        // transformers before 5 wrote the prefix, 5 does not.
        let inner = at.at("text_model");
        let at = if at.has("text_model.final_layer_norm.weight") { &inner } else { at };
        at.ignore("embeddings.position_ids");
        let width = config.hidden_size;
        let layer = |i: usize| {
            let at = at.at("encoder.layers").at(i);
            Ok(Layer {
                norm1: at.layer_norm("layer_norm1", width, config.layer_norm_eps)?,
                q: at.linear("self_attn.q_proj", width, width, true)?,
                k: at.linear("self_attn.k_proj", width, width, true)?,
                v: at.linear("self_attn.v_proj", width, width, true)?,
                out: at.linear("self_attn.out_proj", width, width, true)?,
                norm2: at.layer_norm("layer_norm2", width, config.layer_norm_eps)?,
                fc1: at.linear("mlp.fc1", width, config.intermediate_size, true)?,
                fc2: at.linear("mlp.fc2", config.intermediate_size, width, true)?,
            })
        };
        Ok(Self {
            tokens: at.embedding("embeddings.token_embedding", config.vocab_size, width)?,
            positions: at.embedding("embeddings.position_embedding", config.positions, width)?,
            layers: (0..config.layers).map(layer).collect::<std::result::Result<_, LoadError>>()?,
            final_norm: at.layer_norm("final_layer_norm", width, config.layer_norm_eps)?,
            dtype: at.activation_dtype(),
            config: config.clone(),
        })
    }

    /// The configuration it was built from.
    #[must_use]
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    /// `ids` `(B,T)` u32, `T` at most 77 → `(B,T,D)`, the last hidden state after the final layer norm, in the
    /// activations' type. Padding is not masked: Stable Diffusion attends to it.
    ///
    /// # Errors
    /// If there are too many tokens, or an id outside the vocabulary.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        on_workers(|| self.pass(ids))
    }

    fn pass(&self, ids: &Tensor) -> Result<Tensor> {
        let (batch, length) = ids.dims2()?;
        if length > self.config.positions {
            bail!("{length} tokens are more than the text encoder's {} positions", self.config.positions);
        }
        let width = self.config.hidden_size;
        let (ids, vocabulary) = (ids.flatten_all()?, self.tokens.dim(0)?);
        // A GPU would only say that some kernel failed, and would not compute any more.
        if let Some(id) = ids.to_vec1::<u32>()?.into_iter().find(|id| *id as usize >= vocabulary) {
            bail!("token {id} is none of the text encoder's {vocabulary}");
        }
        let tokens = self.tokens.index_select(&ids, 0)?.to_dtype(self.dtype)?;
        let positions = self.positions.narrow(0, 0, length)?.to_dtype(self.dtype)?;
        let mut x = tokens.reshape((batch, length, width))?.broadcast_add(&positions)?;
        for layer in &self.layers {
            x = self.layer(layer, &x)?;
        }
        layer_norm(&x, &self.final_norm)
    }

    fn layer(&self, layer: &Layer, x: &Tensor) -> Result<Tensor> {
        let h = layer_norm(x, &layer.norm1)?;
        let (q, k, v) = (linear(&h, &layer.q)?, linear(&h, &layer.k)?, linear(&h, &layer.v)?);
        let x = add(&linear(&attention(&q, &k, &v, self.config.heads, true)?, &layer.out)?, x)?;
        let h = linear(&layer_norm(&x, &layer.norm2)?, &layer.fc1)?;
        let h = match self.config.activation {
            Activation::QuickGelu => quick_gelu(&h)?,
            Activation::Gelu => gelu_erf(&h)?,
        };
        add(&linear(&h, &layer.fc2)?, &x)
    }
}
