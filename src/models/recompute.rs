//! Loss and adapter gradients of any denoiser, with or without computing its steps again in the backward pass.
//!
//! On a CPU and on CUDA the kernels are recorded and the recording is run backwards ([`record`]). On other devices
//! nothing is recorded, and candle's own graph gives the gradients.
//!
//! With [`Recompute::Blocks`] the forward pass is not recorded, and keeps only the feature map that enters each step.
//! The backward pass goes through the steps from the last to the first, computes each again, recorded this time, and
//! pushes the gradient of its result through it (Chen et al. 2016, <https://arxiv.org/abs/1604.06174>). It ends at the
//! first step that has an adapter.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{Result, Tensor, Var};

use super::conditioning::Conditioning;
use super::gradients::{Collected, ConditionGradients, LossAndGradients, Recompute};
use super::lora_set::LoraSet;
use super::steps::{self, FeatureMap, Shared as _, Step as _, Steps, Visit};
use crate::kernels::{Gradients, add, on_deep_stack, record};

/// Runs the network, takes `loss` (a scalar) of its prediction `(B, C, h, w)` f32, and differentiates it by every
/// tensor of `lora`, which must be those of `Var`s. Both ways of [`Recompute`] give the same loss, and gradients that
/// differ by rounding only.
///
/// # Errors
/// Shapes that do not agree, or a tensor of `lora` that gets no gradient: its layer is not in this network, or it is
/// not a `Var`.
pub(super) fn loss_and_gradients<N: Steps + Sync>(
    network: &N,
    latents: &Tensor,
    times: &[f32],
    conditioning: &Conditioning,
    lora: &LoraSet,
    recompute: Recompute,
    loss: impl FnOnce(&Tensor) -> Result<Tensor> + Send,
) -> Result<LossAndGradients> {
    on_deep_stack(|| match recompute {
        Recompute::Nothing => {
            let (prediction, recording) = record(|| steps::forward(network, latents, times, conditioning, lora))?;
            let loss = loss(&prediction)?;
            let mut sum = Collected::default();
            let mut gradients = recording.backward(&loss)?;
            sum.take(&mut gradients, lora.iter());
            let conditions = ConditionGradients::take(&mut gradients, conditioning)?;
            Ok(LossAndGradients { loss: loss.detach(), gradients: sum.complete(lora)?, conditions })
        }
        Recompute::Blocks => recompute_steps(network, latents, times, conditioning, lora, loss),
    })
}

fn recompute_steps<N: Steps>(
    network: &N,
    latents: &Tensor,
    times: &[f32],
    conditioning: &Conditioning,
    lora: &LoraSet,
    loss: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<LossAndGradients> {
    let frozen = lora.detached();
    let (first, frozen_shared) = network.enter(latents, times, &conditioning.detached()?, &frozen)?;
    // What all steps share depends on the conditions. If these are trainable, it is computed once more, recorded.
    let (shared, entering) = match conditioning.is_tracked() {
        true => {
            record(|| Ok(network.enter(latents, times, conditioning, &frozen)?.1)).map(|(s, r)| (Some(s), Some(r)))?
        }
        false => (None, None),
    };
    let shared = shared.as_ref().unwrap_or(&frozen_shared);

    // Forward without a graph. Remembered are the inputs of each step, and which results depend on an adapter.
    let mut visits: Vec<Visit<N::Step<'_>>> = Vec::new();
    let mut adapted = BTreeSet::new();
    let last = network.walk(first, |visit| {
        let value = visit.forward(&frozen_shared, &frozen)?;
        let has_adapter = visit.step.adaptable_layers().any(|layer| !lora.get(&layer.name).is_empty());
        if has_adapter || visit.step.depends_on(shared) || visit.inputs.iter().any(|input| adapted.contains(&input.id))
        {
            adapted.insert(visit.result_id());
        }
        visits.push(visit);
        Ok(value)
    })?;

    let mut sum = Collected::default();
    // Gradients of the loss by the feature maps that the backward pass has not reached yet.
    let mut by_map = BTreeMap::new();
    let result = tracked(&last, &adapted)?;
    let (prediction, recording) = record(|| network.leave(&result, &frozen))?;
    let loss = loss(&prediction)?;
    collect(&mut by_map, &mut recording.backward(&loss)?, &[(last.id, result.clone())])?;
    drop((prediction, last, result));
    // Gradients of the loss by the trainable tensors of what all steps share, as far as the backward pass has come.
    let trainable: Vec<Tensor> = shared.tensors().into_iter().filter(|tensor| tensor.track_op()).cloned().collect();
    let mut by_shared: Vec<Option<Tensor>> = vec![None; trainable.len()];

    while let Some(visit) = visits.pop() {
        let Some(gradient) = by_map.remove(&visit.result_id()) else { continue };
        let inputs = visit.inputs.iter().map(|input| Ok((input.id, tracked(input, &adapted)?)));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let values: Vec<&Tensor> = inputs.iter().map(|(_, value)| value).collect();
        let (again, recording) = record(|| visit.step.forward(&values, shared, lora))?;
        let mut gradients = recording.backward_from(&again, &gradient)?;
        drop((again, gradient));
        let layers = visit.step.adaptable_layers();
        let here = layers.flat_map(|layer| lora.get(&layer.name).iter().map(|delta| (layer.name.as_str(), delta)));
        sum.take(&mut gradients, here);
        for (tensor, old) in trainable.iter().zip(&mut by_shared) {
            *old = match (old.take(), gradients.remove(tensor)) {
                (Some(old), Some(new)) => Some(add(&old, &new)?),
                (old, new) => old.or(new),
            };
        }
        collect(&mut by_map, &mut gradients, &inputs)?;
    }
    let conditions = match entering {
        None => ConditionGradients::default(),
        Some(entering) => {
            let seeds =
                trainable.iter().zip(&by_shared).filter_map(|(tensor, gradient)| Some((tensor, gradient.as_ref()?)));
            ConditionGradients::take(&mut entering.backward_from_all(seeds)?, conditioning)?
        }
    };
    Ok(LossAndGradients { loss: loss.detach(), gradients: sum.complete(lora)?, conditions })
}

/// The feature map's value, as a variable if an adapter acted before it.
fn tracked(map: &FeatureMap, adapted: &BTreeSet<usize>) -> Result<Tensor> {
    if adapted.contains(&map.id) { Ok(Var::from_tensor(&map.value)?.into_inner()) } else { Ok(map.value.clone()) }
}

/// Adds the gradients of these feature maps to those that later steps gave them.
fn collect(by_map: &mut BTreeMap<usize, Tensor>, gradients: &mut Gradients, inputs: &[(usize, Tensor)]) -> Result<()> {
    for (id, value) in inputs {
        let Some(new) = gradients.remove(value) else { continue };
        let sum = match by_map.remove(id) {
            Some(old) => add(&old, &new)?,
            None => new,
        };
        by_map.insert(*id, sum);
    }
    Ok(())
}
