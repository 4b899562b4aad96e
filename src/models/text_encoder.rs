//! The prompt's encoder, transformers' `CLIPTextModel` and `CLIPTextModelWithProjection`.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor, bail};

use crate::choice::Targets;
use crate::kernels::{LayerNorm, Linear, Storage, composed, layer_norm, linear, on_workers};
use crate::models::adaptable::AdaptableLayer;
use crate::models::block::{Block, BlockSizes, CLIP};
use crate::models::config::TextConfig;
use crate::models::layers::Layers;
use crate::models::lora_set::LoraSet;
use crate::models::trace::{Map, Trace};
use crate::tensors::LoadError;
use crate::tensors::Weights;

/// Turns token ids into the context that the UNet attends to. Frozen; an adapter
/// may change its linear layers.
#[derive(Debug)]
pub struct ClipTextModel {
    config: TextConfig,
    tokens: Tensor,
    positions: Tensor,
    layers: Vec<Block>,
    final_norm: LayerNorm,
    projection: Option<Linear>,
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
        let width = config.hidden_size;
        let projection = match config.pooled {
            Some(pooled) => Some(at.linear("text_projection", width, pooled.width, false)?),
            None => {
                // A projection that Stable Diffusion 1 and 2 do not use.
                at.ignore("text_projection.weight");
                None
            }
        };
        // transformers before 5 wrote the prefix, 5 writes it for networks with a projection only.
        let inner = at.at("text_model");
        let prefixed = at.has("text_model.final_layer_norm.weight")
            || (projection.is_some() && !at.has("final_layer_norm.weight"));
        let at = if prefixed { &inner } else { at };
        at.ignore("embeddings.position_ids");
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
            projection,
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
        let layers = self.layers.iter().flat_map(Block::adaptable).map(|(layer, _)| layer);
        let mut layers: Vec<AdaptableLayer> = layers.filter(|layer| layer.is_in(targets)).cloned().collect();
        layers.sort();
        layers
    }

    /// The Euclidean norms of the weights of each output, `(out)` f32, of the layers that an adapter with these targets
    /// changes, by the same names.
    ///
    /// # Errors
    /// A full device.
    pub fn weight_norms(&self, targets: Targets) -> Result<BTreeMap<String, Tensor>> {
        let layers = self.layers.iter().flat_map(Block::adaptable).filter(|(layer, _)| layer.is_in(targets));
        layers.map(|(layer, frozen)| Ok((layer.name.clone(), frozen.norms()?))).collect()
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
    /// ([`record`](crate::kernels::record)) gradients reach the adapter's tensors; so they do in the functions below.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn adapted(&self, ids: &Tensor, lora: &LoraSet) -> Result<Tensor> {
        self.normed(ids, 0, lora)
    }

    /// [`hidden`](Self::hidden) with the final layer norm.
    ///
    /// # Errors
    /// As [`hidden`](Self::hidden).
    pub fn normed(&self, ids: &Tensor, skip: usize, lora: &LoraSet) -> Result<Tensor> {
        let kept = self.all_but(skip)?;
        on_workers(|| layer_norm(&self.layers(self.embed(ids)?, 0..kept, lora)?, &self.final_norm))
    }

    /// `ids` `(B,T)` u32 → `(B,T,D)`, the output of the last layer but `skip` without the final layer norm (0: that of
    /// the last layer), in the activations' type. Layers behind it are not computed.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and if there are no more than `skip` layers.
    pub fn hidden(&self, ids: &Tensor, skip: usize, lora: &LoraSet) -> Result<Tensor> {
        on_workers(|| self.layers(self.embed(ids)?, 0..self.all_but(skip)?, lora))
    }

    /// `ids` `(B,T)` u32 → `(B,P)`: the last hidden state after the final layer norm, at the token that ends the
    /// prompt, projected; in the activations' type.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and if the network has no projection.
    pub fn pooled(&self, ids: &Tensor) -> Result<Tensor> {
        Ok(self.hidden_and_pooled(ids, 0, &LoraSet::empty())?.1)
    }

    /// [`hidden`](Self::hidden) and [`pooled`](Self::pooled), computed once.
    ///
    /// # Errors
    /// Those of both.
    pub fn hidden_and_pooled(&self, ids: &Tensor, skip: usize, lora: &LoraSet) -> Result<(Tensor, Tensor)> {
        on_workers(|| {
            let kept = self.all_but(skip)?;
            let hidden = self.layers(self.embed(ids)?, 0..kept, lora)?;
            let last = self.layers(hidden.clone(), kept..self.layers.len(), lora)?;
            Ok((hidden, self.pool(&last, ids)?))
        })
    }

    /// What encoding `batch` prompts holds in memory.
    pub(crate) fn trace(&self, t: &Trace, batch: usize) -> Map {
        let mut x = t.map(&[batch, self.config.positions, self.config.hidden_size]);
        for layer in &self.layers {
            x = layer.trace(t, &x);
        }
        t.norm(&x)
    }

    /// Where each prompt ends.
    ///
    /// # Errors
    /// A network without a projection, which does not know it.
    pub fn ends(&self, ids: &[Vec<u32>]) -> Result<Vec<usize>> {
        match self.config.pooled {
            Some(pooled) => Ok(ids.iter().map(|ids| pooled.end_of(ids)).collect()),
            None => bail!("the text encoder has no projection, so it has no pooled output"),
        }
    }

    /// The number of layers without the last `skip`.
    fn all_but(&self, skip: usize) -> Result<usize> {
        match self.layers.len().checked_sub(skip) {
            Some(kept @ 1..) => Ok(kept),
            _ => bail!("the text encoder has {} layers, so {skip} cannot be left out", self.layers.len()),
        }
    }

    fn embed(&self, ids: &Tensor) -> Result<Tensor> {
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
        tokens.reshape((batch, length, width))?.broadcast_add(&positions)
    }

    fn layers(&self, mut x: Tensor, which: std::ops::Range<usize>, lora: &LoraSet) -> Result<Tensor> {
        for layer in &self.layers[which] {
            x = layer.forward(&x, true, lora)?;
        }
        Ok(x)
    }

    /// `last` is the last layer's output.
    fn pool(&self, last: &Tensor, ids: &Tensor) -> Result<Tensor> {
        let ends = self.ends(&ids.to_vec2::<u32>()?)?;
        let at_end = |(sample, end): (usize, &usize)| last.get(sample)?.narrow(0, *end, 1);
        let states = composed(&[last], || {
            let states: Vec<Tensor> = ends.iter().enumerate().map(at_end).collect::<Result<_>>()?;
            Tensor::cat(&states, 0)?.contiguous()
        })?;
        // A norm looks at one token alone.
        let states = layer_norm(&states, &self.final_norm)?;
        match &self.projection {
            Some(projection) => linear(&states, projection),
            None => bail!("the text encoder has no projection, so it has no pooled output"),
        }
    }
}
