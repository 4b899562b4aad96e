//! Text encoders that an adapter is trained in: gradients go through the denoiser into the prompt, and from there into
//! the text encoders.
//!
//! Each text encoder is recorded by itself. Its output becomes a variable, so that the denoiser, with or without
//! computing its steps again, treats it as one more thing to differentiate by. Then the recordings are run backwards
//! from the gradients that the denoiser found.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Result, Tensor, Var, bail};

use super::adaptable::AdaptableLayer;
use super::conditioning::Conditioning;
use super::families::TextStates;
use super::gradients::{Collected, ConditionGradients, LossAndGradients};
use super::lora_set::LoraSet;
use super::prompt_encoder::{PromptEncoder, TextOutput, joined};
use super::text_encoder::ClipTextModel;
use crate::choice::Targets;
use crate::kernels::{on_deep_stack, record};

/// The text encoders of a model, loaded.
#[derive(Clone, Debug)]
pub struct TrainedText {
    /// With their names in adapters, e.g. `text_encoder`.
    encoders: Vec<(&'static str, Arc<ClipTextModel>)>,
    states: TextStates,
    /// Last layers that are left out, of those that the states are of.
    skipped: usize,
}

impl TrainedText {
    /// Loads the text encoders of a model.
    ///
    /// # Errors
    /// A file that can no longer be read, a device without room.
    pub fn load(prompts: &PromptEncoder) -> Result<Self> {
        let load = prompts.encoders.iter().map(|encoder| Ok((encoder.name, encoder.network.get()?)));
        Ok(Self { encoders: load.collect::<Result<_>>()?, states: prompts.rules.states, skipped: 0 })
    }

    /// The same without the last `layers` of those that the model uses; see [`TextStates::but`].
    #[must_use]
    pub fn without_last(self, layers: usize) -> Self {
        Self { skipped: layers, ..self }
    }

    /// The layers that an adapter with these targets changes, sorted by name. A name begins with that of the text
    /// encoder, e.g. `text_encoder.text_model.encoder.layers.0.self_attn.q_proj`.
    #[must_use]
    pub fn adaptable_layers(&self, targets: Targets) -> Vec<AdaptableLayer> {
        let named =
            |name: &str, layer: AdaptableLayer| AdaptableLayer { name: format!("{name}.{}", layer.name), ..layer };
        let of_encoder = |(name, network): &(&'static str, Arc<ClipTextModel>)| {
            let layers = network.adaptable_layers(targets).into_iter().filter(|layer| self.uses(network, layer));
            layers.map(|layer| named(name, layer)).collect::<Vec<_>>()
        };
        let mut layers: Vec<AdaptableLayer> = self.encoders.iter().flat_map(of_encoder).collect();
        layers.sort();
        layers
    }

    /// The Euclidean norms of the weights of each output, `(out)` f32, of the layers that an adapter with these targets
    /// changes, by the same names.
    ///
    /// # Errors
    /// A full device.
    pub fn weight_norms(&self, targets: Targets) -> Result<BTreeMap<String, Tensor>> {
        let mut norms = BTreeMap::new();
        for (name, network) in &self.encoders {
            let of_network = network.weight_norms(targets)?.into_iter();
            norms.extend(of_network.map(|(layer, of_layer)| (format!("{name}.{layer}"), of_layer)));
        }
        Ok(norms)
    }

    /// What prompts become, from their token ids `(B, T)` u32 for each text encoder, with what `lora` adds.
    ///
    /// # Errors
    /// Another number of text encoders, unknown ids, a full device.
    pub fn encode(&self, ids: &[Tensor], lora: &LoraSet) -> Result<Conditioning> {
        self.check(ids)?;
        let encoders = self.encoders.iter().zip(ids);
        let one = |((name, network), ids): (&(&str, Arc<ClipTextModel>), _)| {
            self.states.but(self.skipped, network, ids, &lora.of_part(name))
        };
        joined(encoders.map(one).collect::<Result<_>>()?)
    }

    /// The losses and gradients of `denoise`, which gets the conditions of the prompts, and the part of `lora` that is
    /// not for the text encoders. It must return the gradients by the conditions. The result has the gradients of all
    /// tensors of `lora`.
    ///
    /// # Errors
    /// Another number of text encoders, unknown ids, a tensor of `lora` without a gradient, and those of `denoise`.
    pub fn loss_and_gradients(
        &self,
        ids: &[Tensor],
        sizes: Option<&Tensor>,
        lora: &LoraSet,
        denoise: impl FnOnce(&Conditioning, &LoraSet) -> Result<LossAndGradients> + Send,
    ) -> Result<LossAndGradients> {
        self.check(ids)?;
        on_deep_stack(|| {
            let (mut outputs, mut recordings) = (Vec::new(), Vec::new());
            for ((name, network), ids) in self.encoders.iter().zip(ids) {
                let part = lora.of_part(name);
                let (output, recording) = record(|| self.states.but(self.skipped, network, ids, &part))?;
                outputs.push(output.detached());
                recordings.push((output, recording));
            }
            let Conditioning { tokens, pooled, .. } = joined(outputs)?;
            let variable = |tensor: &Tensor| Ok::<_, candle_core::Error>(Var::from_tensor(tensor)?.into_inner());
            let pooled = pooled.as_ref().map(variable).transpose()?;
            let conditioning = Conditioning { tokens: variable(&tokens)?, pooled, sizes: sizes.cloned() };
            let rest = lora.without_parts(self.encoders.iter().map(|(name, _)| *name));
            let LossAndGradients { loss, gradients, conditions } = denoise(&conditioning, &rest)?;
            let ConditionGradients { tokens: Some(by_tokens), pooled: by_pooled } = conditions else {
                bail!("the denoiser gave no gradient by the prompt");
            };
            let mut sum = Collected::with(gradients);
            let mut first = 0;
            for (output, recording) in recordings {
                let width = output.tokens.dim(2)?;
                let by_tokens = by_tokens.narrow(2, first, width)?.contiguous()?;
                first += width;
                let tokens = std::iter::once((&output.tokens, &by_tokens));
                let seeds = tokens.chain(output.pooled.iter().zip(&by_pooled));
                sum.take(&mut recording.backward_from_all(seeds)?, lora.iter());
            }
            Ok(LossAndGradients { loss, gradients: sum.complete(lora)?, conditions: ConditionGradients::default() })
        })
    }

    /// Whether the output depends on this layer: states of an earlier layer without a pooled output are not behind
    /// those that follow it.
    fn uses(&self, network: &ClipTextModel, layer: &AdaptableLayer) -> bool {
        let left_out = match (self.states, network.config().pooled) {
            (TextStates::Last, _) => self.skipped,
            (TextStates::Penultimate, None) => self.skipped + 1,
            (TextStates::Penultimate, Some(_)) => 0,
        };
        let layers = network.config().layers;
        let in_layer = |i: usize| layer.name.starts_with(&format!("text_model.encoder.layers.{i}."));
        !(layers.saturating_sub(left_out)..layers).any(in_layer)
    }

    fn check(&self, ids: &[Tensor]) -> Result<()> {
        match ids.len() == self.encoders.len() {
            true => Ok(()),
            false => bail!("{} text encoders were given token ids for {}", self.encoders.len(), ids.len()),
        }
    }
}

impl TextOutput {
    fn detached(&self) -> Self {
        Self { tokens: self.tokens.detach(), pooled: self.pooled.as_ref().map(Tensor::detach) }
    }
}
