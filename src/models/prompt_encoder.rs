//! From a prompt to the conditions of a denoiser, through one or several text encoders.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};

use super::conditioning::Conditioning;
use super::families::{PromptRules, TextStates};
use super::lora_set::LoraSet;
use super::on_demand::OnDemand;
use super::text_encoder::ClipTextModel;
use super::tokenizer::Tokenizer;

/// The text encoders of a model.
#[derive(Debug)]
pub struct PromptEncoder {
    /// In the order in which their outputs are joined.
    pub encoders: Vec<TextEncoder>,
    /// What the model's family takes of them.
    pub rules: PromptRules,
}

/// A text encoder with its tokenizer.
#[derive(Debug)]
pub struct TextEncoder {
    /// Its name in diffusers' models and in adapters, e.g. `text_encoder`: an adapter's names of its layers begin with
    /// it and a dot.
    pub name: &'static str,
    /// Prompt → token ids.
    pub tokenizer: Arc<Tokenizer>,
    /// Token ids → tokens.
    pub network: OnDemand<ClipTextModel>,
}

impl PromptEncoder {
    /// What a prompt becomes, as one sample: tokens `(1, 77, D)` in the activations' type on `device`. Each text
    /// encoder gives 77 tokens; D is the sum of their widths. The pooled output `(1, P)` is that of the last text
    /// encoder with a projection. `lora` is added to the layers that it names.
    ///
    /// # Errors
    /// A device without room, a file that can no longer be read.
    pub fn encode(&self, prompt: &str, lora: &LoraSet, device: &Device) -> Result<Conditioning> {
        let one = |encoder: &TextEncoder| {
            let ids = Tensor::new(encoder.tokenizer.encode(prompt), device)?.unsqueeze(0)?;
            self.rules.states.of(&*encoder.network.get()?, &ids, &lora.of_part(encoder.name))
        };
        joined(self.encoders.iter().map(one).collect::<Result<_>>()?)
    }

    /// The token ids of a prompt, for each text encoder.
    #[must_use]
    pub fn ids(&self, prompt: &str) -> Vec<Vec<u32>> {
        self.encoders.iter().map(|encoder| encoder.tokenizer.encode(prompt).to_vec()).collect()
    }

    /// The same for a prompt of what images should not show. An empty one becomes zeros in models that ask for it.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_negative(&self, prompt: &str, lora: &LoraSet, device: &Device) -> Result<Conditioning> {
        let conditioning = self.encode(prompt, lora, device)?;
        if self.rules.zeros_if_empty && prompt.is_empty() { conditioning.zeros() } else { Ok(conditioning) }
    }

    /// Frees the memory of the text encoders until they are used again.
    pub fn release(&self) {
        for encoder in &self.encoders {
            encoder.network.release();
        }
    }
}

/// What a text encoder gives for a batch of prompts, in the activations' type.
#[derive(Debug)]
pub struct TextOutput {
    /// `(B, T, width)`.
    pub tokens: Tensor,
    /// `(B, P)`, where the model takes it.
    pub pooled: Option<Tensor>,
}

/// The conditions that the outputs of all text encoders are together.
///
/// # Errors
/// No output at all, a full device.
pub(super) fn joined(outputs: Vec<TextOutput>) -> Result<Conditioning> {
    let tokens: Vec<&Tensor> = outputs.iter().map(|output| &output.tokens).collect();
    let tokens = match tokens.as_slice() {
        [] => bail!("the model has no text encoder"),
        [tokens] => (*tokens).clone(),
        several => Tensor::cat(several, 2)?,
    };
    let pooled = outputs.into_iter().rev().find_map(|output| output.pooled);
    Ok(Conditioning { pooled, ..tokens.into() })
}

impl TextStates {
    /// What a text encoder gives for the token ids `(B, T)`, with what an adapter adds to the layers that it names.
    ///
    /// # Errors
    /// Too many tokens, an unknown id, a full device.
    pub fn of(self, network: &ClipTextModel, ids: &Tensor, lora: &LoraSet) -> Result<TextOutput> {
        let (tokens, pooled) = match (self, network.config().pooled) {
            (Self::Last, _) => (network.adapted(ids, lora)?, None),
            (Self::Penultimate, None) => (network.hidden(ids, 1, lora)?, None),
            (Self::Penultimate, Some(_)) => {
                let (hidden, pooled) = network.hidden_and_pooled(ids, 1, lora)?;
                (hidden, Some(pooled))
            }
        };
        Ok(TextOutput { tokens, pooled })
    }
}
