//! From a prompt to the conditions of a denoiser, through one or several text encoders.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};

use super::conditioning::Conditioning;
use super::families::{PromptRules, TextStates};
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
    /// Prompt → token ids.
    pub tokenizer: Arc<Tokenizer>,
    /// Token ids → tokens.
    pub network: OnDemand<ClipTextModel>,
}

impl PromptEncoder {
    /// What a prompt becomes, as one sample: tokens `(1, 77, D)` in the activations' type on `device`. Each text
    /// encoder gives 77 tokens; D is the sum of their widths. The pooled output `(1, P)` is that of the last text
    /// encoder with a projection.
    ///
    /// # Errors
    /// A device without room, a file that can no longer be read.
    pub fn encode(&self, prompt: &str, device: &Device) -> Result<Conditioning> {
        let (mut outputs, mut pooled) = (Vec::new(), None);
        for encoder in &self.encoders {
            let ids = Tensor::new(encoder.tokenizer.encode(prompt), device)?.unsqueeze(0)?;
            let network = encoder.network.get()?;
            outputs.push(match (self.rules.states, network.config().pooled) {
                (TextStates::Last, _) => network.forward(&ids)?,
                (TextStates::Penultimate, None) => network.hidden(&ids, 1)?,
                (TextStates::Penultimate, Some(_)) => {
                    let (hidden, vector) = network.hidden_and_pooled(&ids, 1)?;
                    pooled = Some(vector);
                    hidden
                }
            });
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
    pub fn encode_negative(&self, prompt: &str, device: &Device) -> Result<Conditioning> {
        let conditioning = self.encode(prompt, device)?;
        if self.rules.zeros_if_empty && prompt.is_empty() { conditioning.zeros() } else { Ok(conditioning) }
    }

    /// Frees the memory of the text encoders until they are used again.
    pub fn release(&self) {
        for encoder in &self.encoders {
            encoder.network.release();
        }
    }
}
