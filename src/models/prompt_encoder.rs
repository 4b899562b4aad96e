//! From a prompt to the conditions of a denoiser, through one or several text encoders.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};

use super::conditioning::Conditioning;
use super::emphasis;
use super::families::{PromptRules, TextStates};
use super::lora_set::LoraSet;
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
    /// Its name in diffusers' models and in adapters, e.g. `text_encoder`: an adapter's names of its layers begin with
    /// it and a dot.
    pub name: &'static str,
    /// Prompt → token ids.
    pub tokenizer: Arc<Tokenizer>,
    /// Token ids → tokens.
    pub network: OnDemand<ClipTextModel>,
}

impl PromptEncoder {
    /// What a prompt becomes, as one sample: tokens `(1, 77·n, D)` in the activations' type on `device`. Each text
    /// encoder gives 77 tokens for each of the n chunks of the prompt, which are 1 if the options do not ask for more;
    /// D is the sum of their widths. The pooled output `(1, P)` is that of the last text encoder with a projection, of
    /// the first chunk. `lora` is added to the layers that it names.
    ///
    /// # Errors
    /// A device without room, a file that can no longer be read, layers that are left out and are not there.
    pub fn encode(
        &self,
        prompt: &str,
        options: &PromptOptions,
        lora: &LoraSet,
        device: &Device,
    ) -> Result<Conditioning> {
        self.encode_chunks(&self.chunks(prompt, options), options, lora, device)
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
        lora: &LoraSet,
        device: &Device,
    ) -> Result<[Conditioning; 2]> {
        let mut both = [prompt, negative].map(|prompt| self.chunks(prompt, options));
        let count = both.iter().flatten().map(Vec::len).max().unwrap_or_default();
        for chunks in &mut both {
            for (encoder, chunks) in self.encoders.iter().zip(chunks) {
                chunks.resize_with(count, || encoder.tokenizer.empty_chunk());
            }
        }
        let [shown, hidden] = &both;
        let zeros = self.rules.zeros_if_empty && negative.is_empty();
        let hidden = self.encode_chunks(hidden, options, lora, device)?;
        let hidden = if zeros { hidden.zeros()? } else { hidden };
        Ok([self.encode_chunks(shown, options, lora, device)?, hidden])
    }

    /// What each text encoder gets.
    fn chunks(&self, prompt: &str, options: &PromptOptions) -> Vec<Vec<Chunk>> {
        self.encoders.iter().map(|encoder| encoder.tokenizer.read(prompt, options).chunks).collect()
    }

    fn encode_chunks(
        &self,
        chunks: &[Vec<Chunk>],
        options: &PromptOptions,
        lora: &LoraSet,
        device: &Device,
    ) -> Result<Conditioning> {
        let one = |(encoder, chunks): (&TextEncoder, &Vec<Chunk>)| {
            let (network, lora) = (encoder.network.get()?, lora.of_part(encoder.name));
            let chunk = |chunk: &Chunk| {
                let ids = Tensor::new(chunk.ids.as_slice(), device)?.unsqueeze(0)?;
                let TextOutput { tokens, pooled } = self.rules.states.but(options.clip_skip, &network, &ids, &lora)?;
                Ok(TextOutput { tokens: emphasis::apply(tokens, &chunk.weights)?, pooled })
            };
            TextOutput::behind_one_another(chunks.iter().map(chunk).collect::<Result<_>>()?)
        };
        joined(self.encoders.iter().zip(chunks).map(one).collect::<Result<_>>()?)
    }

    /// The token ids of a prompt, for each text encoder.
    #[must_use]
    pub fn ids(&self, prompt: &str) -> Vec<Vec<u32>> {
        self.encoders.iter().map(|encoder| encoder.tokenizer.encode(prompt).to_vec()).collect()
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

impl TextOutput {
    /// The outputs of one text encoder for the chunks of a prompt as one output, pooled from the first chunk.
    fn behind_one_another(mut chunks: Vec<Self>) -> Result<Self> {
        if chunks.len() == 1 {
            return Ok(chunks.remove(0));
        }
        let tokens: Vec<&Tensor> = chunks.iter().map(|chunk| &chunk.tokens).collect();
        let tokens = Tensor::cat(&tokens, 1)?;
        Ok(Self { tokens, pooled: chunks.remove(0).pooled })
    }
}

impl TextStates {
    /// What a text encoder gives for the token ids `(B, T)`, with what an adapter adds to the layers that it names.
    ///
    /// # Errors
    /// Too many tokens, an unknown id, a full device.
    pub fn of(self, network: &ClipTextModel, ids: &Tensor, lora: &LoraSet) -> Result<TextOutput> {
        self.but(0, network, ids, lora)
    }

    /// The same without the last `skip` of the layers that the family uses: `clip_skip` of diffusers' pipelines. The
    /// pooled output always comes from the last layer.
    ///
    /// # Errors
    /// As [`of`](Self::of), and layers that are not there.
    pub fn but(self, skip: usize, network: &ClipTextModel, ids: &Tensor, lora: &LoraSet) -> Result<TextOutput> {
        let (tokens, pooled) = match (self, network.config().pooled) {
            (Self::Last, _) => (network.normed(ids, skip, lora)?, None),
            (Self::Penultimate, None) => (network.hidden(ids, skip + 1, lora)?, None),
            (Self::Penultimate, Some(_)) => {
                let (hidden, pooled) = network.hidden_and_pooled(ids, skip + 1, lora)?;
                (hidden, Some(pooled))
            }
        };
        Ok(TextOutput { tokens, pooled })
    }
}
