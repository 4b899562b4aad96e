//! The prompt's encoder, transformers' `CLIPTextModel`.

use candle_core::{DType, Result, Tensor, bail};

use crate::choice::Targets;
use crate::kernels::{LayerNorm, Storage, layer_norm, on_workers};
use crate::models::adaptable::AdaptableLayer;
use crate::models::block::{Block, BlockSizes, CLIP};
use crate::models::config::TextConfig;
use crate::models::layers::Layers;
use crate::models::lora_set::LoraSet;
use crate::tensors::LoadError;
use crate::tensors::Weights;

/// Turns token ids into the context that the UNet attends to. Frozen; an adapter may change its linear layers.
#[derive(Debug)]
pub struct ClipTextModel {
    config: TextConfig,
    tokens: Tensor,
    positions: Tensor,
    layers: Vec<Block>,
    final_norm: LayerNorm,
    dtype: DType,
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
        let sizes = BlockSizes {
            width,
            inner: config.intermediate_size,
            heads: config.heads,
            eps: config.layer_norm_eps,
            activation: config.activation,
            biased: true,
        };
        // Adapter files have the names that transformers before 5 gave.
        let layer = |i: usize| {
            Block::new(&at.at("encoder.layers").at(i), &CLIP, &sizes, &format!("text_model.encoder.layers.{i}"))
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

    /// The layers that an adapter with these targets changes, sorted by name. Names are those within this text encoder,
    /// e.g. `text_model.encoder.layers.0.self_attn.q_proj`.
    #[must_use]
    pub fn adaptable_layers(&self, targets: Targets) -> Vec<AdaptableLayer> {
        let layers = self.layers.iter().flat_map(Block::adaptable_layers);
        let mut layers: Vec<AdaptableLayer> = layers.filter(|layer| layer.is_in(targets)).cloned().collect();
        layers.sort();
        layers
    }

    /// `ids` `(B,T)` u32, `T` at most 77 → `(B,T,D)`, the last hidden state after the final layer norm, in the
    /// activations' type. Padding is not masked: Stable Diffusion attends to it.
    ///
    /// # Errors
    /// If there are too many tokens, or an id outside the vocabulary.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        self.adapted(ids, &LoraSet::empty())
    }

    /// The same with what an adapter adds to the layers that it names. In a recording
    /// ([`record`](crate::kernels::record)) gradients reach the adapter's tensors.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn adapted(&self, ids: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        on_workers(|| self.pass(ids, lora))
    }

    fn pass(&self, ids: &Tensor, lora: &LoraSet) -> Result<Tensor> {
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
            x = layer.forward(&x, true, lora)?;
        }
        layer_norm(&x, &self.final_norm)
    }
}
