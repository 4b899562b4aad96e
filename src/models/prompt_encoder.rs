//! From a prompt to the conditions of a denoiser, through one or several text encoders.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};

use super::conditioning::Conditioning;
use super::on_demand::OnDemand;
use super::text_encoder::ClipTextModel;
use super::tokenizer::Tokenizer;

/// The text encoders of a model.
#[derive(Debug)]
pub struct PromptEncoder {
    /// In the order in which their outputs are joined.
    pub encoders: Vec<TextEncoder>,
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
    /// encoder gives 77 tokens; D is the sum of their widths.
    ///
    /// # Errors
    /// A device without room, a file that can no longer be read.
    pub fn encode(&self, prompt: &str, device: &Device) -> Result<Conditioning> {
        let mut outputs = Vec::new();
        for encoder in &self.encoders {
            let ids = Tensor::new(encoder.tokenizer.encode(prompt), device)?.unsqueeze(0)?;
            outputs.push(encoder.network.get()?.forward(&ids)?);
        }
        Ok(match outputs.as_slice() {
            [] => bail!("the model has no text encoder"),
            [tokens] => tokens.clone().into(),
            several => Tensor::cat(several, 2)?.into(),
        })
    }

    /// Frees the memory of the text encoders until they are used again.
    pub fn release(&self) {
        for encoder in &self.encoders {
            encoder.network.release();
        }
    }
}
