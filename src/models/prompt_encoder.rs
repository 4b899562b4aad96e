//! From a prompt to the conditions of a denoiser, through one or several text encoders.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};

use super::conditioning::Conditioning;
use super::emphasis;
use super::families::{PromptRules, TextStates};
use super::on_demand::OnDemand;
use super::text_encoder::ClipTextModel;
use super::tokenizer::{Chunk, Tokenizer};
use crate::choice::PromptOptions;

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
    /// What a prompt becomes, as one sample: tokens `(1, 77·n, D)` in the activations' type on `device`. Each text
    /// encoder gives 77 tokens for each of the n chunks of the prompt, which are 1 if the options do not ask for more;
    /// D is the sum of their widths. The pooled output `(1, P)` is that of the last text encoder with a projection, of
    /// the first chunk.
    ///
    /// # Errors
    /// A device without room, a file that can no longer be read, layers that are left out and are not there.
    pub fn encode(&self, prompt: &str, options: &PromptOptions, device: &Device) -> Result<Conditioning> {
        self.encode_chunks(self.chunks(prompt, options), options, device)
    }

    /// A prompt and what images should not show, in this order, each as [`encode`](Self::encode) gives it, and with as
    /// many chunks as the longer one: empty chunks fill up the shorter one. An empty negative prompt becomes zeros in
    /// models that ask for it.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_both(
        &self,
        [prompt, negative]: [&str; 2],
        options: &PromptOptions,
        device: &Device,
    ) -> Result<[Conditioning; 2]> {
        let [mut shown, mut hidden] = [prompt, negative].map(|prompt| self.chunks(prompt, options));
        let count = shown.iter().chain(&hidden).map(Vec::len).max().unwrap_or_default();
        for chunks in [&mut shown, &mut hidden] {
            for (encoder, chunks) in self.encoders.iter().zip(chunks) {
                chunks.resize_with(count, || encoder.tokenizer.empty_chunk());
            }
        }
        let conditioning = self.encode_chunks(hidden, options, device)?;
        let zeros = self.rules.zeros_if_empty && negative.is_empty();
        let conditioning = if zeros { conditioning.zeros()? } else { conditioning };
        Ok([self.encode_chunks(shown, options, device)?, conditioning])
    }

    /// What each text encoder gets.
    fn chunks(&self, prompt: &str, options: &PromptOptions) -> Vec<Vec<Chunk>> {
        self.encoders.iter().map(|encoder| encoder.tokenizer.read(prompt, options).chunks).collect()
    }

    fn encode_chunks(&self, chunks: Vec<Vec<Chunk>>, options: &PromptOptions, device: &Device) -> Result<Conditioning> {
        let (mut outputs, mut pooled) = (Vec::new(), None);
        for (encoder, chunks) in self.encoders.iter().zip(chunks) {
            let mut states = Vec::new();
            for (index, chunk) in chunks.iter().enumerate() {
                let (tokens, vector) = self.states(encoder, chunk, options, device)?;
                states.push(emphasis::apply(tokens, &chunk.weights)?);
                pooled = vector.filter(|_| index == 0).or(pooled);
            }
            outputs.push(joined(states, 1)?);
        }
        if outputs.is_empty() {
            bail!("the model has no text encoder");
        }
        Ok(Conditioning { pooled, ..joined(outputs, 2)?.into() })
    }

    /// The states `(1, 77, D)` of one chunk, and its pooled output `(1, P)` if the text encoder has one.
    fn states(
        &self,
        encoder: &TextEncoder,
        chunk: &Chunk,
        options: &PromptOptions,
        device: &Device,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let ids = Tensor::new(chunk.ids.as_slice(), device)?.unsqueeze(0)?;
        let (network, skip) = (encoder.network.get()?, options.clip_skip);
        match (self.rules.states, network.config().pooled) {
            (TextStates::Last, _) => Ok((network.normed(&ids, skip)?, None)),
            (TextStates::Penultimate, None) => Ok((network.hidden(&ids, skip + 1)?, None)),
            (TextStates::Penultimate, Some(_)) => {
                let (hidden, vector) = network.hidden_and_pooled(&ids, skip + 1)?;
                Ok((hidden, Some(vector)))
            }
        }
    }

    /// Frees the memory of the text encoders until they are used again.
    pub fn release(&self) {
        for encoder in &self.encoders {
            encoder.network.release();
        }
    }
}

/// Tensors behind one another; one alone stays as it is.
fn joined(mut tensors: Vec<Tensor>, dimension: usize) -> Result<Tensor> {
    match tensors.len() {
        1 => Ok(tensors.remove(0)),
        _ => Tensor::cat(&tensors, dimension),
    }
}
