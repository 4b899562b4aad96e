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
        let (mut outputs, mut pooled) = (Vec::new(), None);
        for encoder in &self.encoders {
            let ids = Tensor::new(encoder.tokenizer.encode(prompt), device)?.unsqueeze(0)?;
            let network = encoder.network.get()?;
            let output = self.rules.states.of(&network, &ids, &lora.of_part(encoder.name))?;
            outputs.push(output.tokens);
            pooled = output.pooled.or(pooled);
        }
        let tokens = match outputs.as_slice() {
            [] => bail!("the model has no text encoder"),
            [tokens] => tokens.clone(),
            several => Tensor::cat(several, 2)?,
        };
        Ok(Conditioning { pooled, ..tokens.into() })
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
