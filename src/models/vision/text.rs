//! CLIP's other half: texts to features in the space of the images.

use candle_core::{Device, Result, Tensor};

use crate::models::config::TextConfig;
use crate::models::layers::Layers;
use crate::models::text_encoder::ClipTextModel;
use crate::models::tokenizer::{PROMPT_TOKENS, Tokenizer};
use crate::tensors::LoadError;

/// Turns texts into features. Frozen.
#[derive(Debug)]
pub(super) struct TextTower {
    network: ClipTextModel,
    device: Device,
}

impl TextTower {
    pub(super) fn new(config: &TextConfig, at: &Layers) -> std::result::Result<Self, LoadError> {
        Ok(Self { network: ClipTextModel::new(config, at)?, device: at.device() })
    }

    /// Texts to features `(B, dim)`: the token that ends the text, projected. Text beyond 75 tokens is not seen.
    ///
    /// # Errors
    /// A device without room.
    pub(super) fn forward(&self, tokenizer: &Tokenizer, texts: &[String]) -> Result<Tensor> {
        let ids: Vec<Vec<u32>> = texts.iter().map(|text| tokenizer.encode(text)).collect();
        // No token sees those behind it, so nothing behind the last end matters.
        let length = self.network.ends(&ids)?.into_iter().max().map_or(0, |last| last + 1);
        let flat: Vec<u32> = ids.iter().flat_map(|ids| &ids[..length]).copied().collect();
        self.network.pooled(&Tensor::from_vec(flat, (texts.len(), length), &self.device)?)
    }
}

/// Whether the tokenizer and the network fit together; a sentence that says why not.
pub(super) fn misfit(config: &TextConfig, tokenizer: &Tokenizer) -> Option<String> {
    let (positions, vocabulary) = (config.positions, config.vocab_size);
    let (largest, ids) = (tokenizer.largest_id(), tokenizer.encode(""));
    if positions < PROMPT_TOKENS {
        Some(format!("its network for texts takes {positions} tokens, not {PROMPT_TOKENS}"))
    } else if largest as usize >= vocabulary {
        Some(format!("the tokenizer has ids up to {largest}, its network for texts knows {vocabulary}"))
    } else {
        let end = config.pooled.and_then(|pooled| pooled.misfit(&ids))?;
        Some(format!("the tokenizer {end}"))
    }
}
