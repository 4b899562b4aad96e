//! CLIP's other half: texts to features in the space of the images.

use candle_core::{Device, Result, Tensor};

use super::config::ClipTextConfig;
use crate::kernels::{Linear, linear};
use crate::models::layers::Layers;
use crate::models::text_encoder::ClipTextModel;
use crate::models::tokenizer::{PROMPT_TOKENS, Tokenizer};
use crate::tensors::LoadError;

/// Turns texts into features. Frozen.
#[derive(Debug)]
pub(super) struct TextTower {
    network: ClipTextModel,
    projection: Linear,
    end: usize,
    device: Device,
}

impl TextTower {
    pub(super) fn new(config: &ClipTextConfig, dim: usize, at: &Layers) -> std::result::Result<Self, LoadError> {
        Ok(Self {
            network: ClipTextModel::new(&config.network, at)?,
            projection: at.linear("text_projection", config.network.hidden_size, dim, false)?,
            end: config.end,
            device: at.device(),
        })
    }

    /// Texts to features `(B, dim)`: the token that ends the text, projected. Text beyond 75 tokens is not seen.
    ///
    /// # Errors
    /// A device without room.
    pub(super) fn forward(&self, tokenizer: &Tokenizer, texts: &[String]) -> Result<Tensor> {
        let ids: Vec<Vec<u32>> = texts.iter().map(|text| tokenizer.encode(text)).collect();
        let ends: Vec<usize> = ids.iter().map(|ids| end(ids, self.end)).collect();
        // No token sees those behind it, so nothing behind the last end matters.
        let length = ends.iter().max().map_or(0, |last| last + 1);
        let flat: Vec<u32> = ids.iter().flat_map(|ids| &ids[..length]).copied().collect();
        let ids = Tensor::from_vec(flat, (texts.len(), length), &self.device)?;
        let hidden = self.network.forward(&ids)?;
        let pooled: Vec<Tensor> =
            ends.iter().enumerate().map(|(i, end)| hidden.get(i)?.narrow(0, *end, 1)).collect::<Result<_>>()?;
        linear(&Tensor::cat(&pooled, 0)?.contiguous()?, &self.projection)
    }
}

/// The position of the token that ends a text, by the rule of transformers' `CLIPTextModel`.
fn end(ids: &[u32], token: usize) -> usize {
    if token == 2 {
        // The first of the largest ids.
        return (0..ids.len()).rev().max_by_key(|at| ids[*at]).unwrap_or(0);
    }
    ids.iter().position(|id| *id as usize == token).unwrap_or(0)
}

/// Whether the tokenizer and the network fit together; a sentence that says why not.
pub(super) fn misfit(config: &ClipTextConfig, tokenizer: &Tokenizer) -> Option<String> {
    let (positions, vocabulary) = (config.network.positions, config.network.vocab_size);
    let (largest, ids) = (tokenizer.largest_id(), tokenizer.encode(""));
    if positions < PROMPT_TOKENS {
        Some(format!("its network for texts takes {positions} tokens, not {PROMPT_TOKENS}"))
    } else if largest as usize >= vocabulary {
        Some(format!("the tokenizer has ids up to {largest}, its network for texts knows {vocabulary}"))
    } else if config.end != 2 && ids.get(1).is_none_or(|id| *id as usize != config.end) {
        let (ours, theirs) = (ids.get(1).copied().unwrap_or_default(), config.end);
        Some(format!("the tokenizer ends texts with the id {ours}, but `eos_token_id` is {theirs}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_rules_find_the_first_end() {
        assert_eq!(end(&[5, 3, 9, 9, 9], 2), 2);
        assert_eq!(end(&[5, 3, 9, 8, 9], 9), 2);
        assert_eq!(end(&[5, 3, 9, 11, 9], 2), 3);
        assert_eq!(end(&[5, 3], 9), 0);
    }
}
