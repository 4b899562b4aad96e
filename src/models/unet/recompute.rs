//! Loss and adapter gradients, with or without recomputing the blocks in the backward pass.
//!
//! On a CPU and on CUDA the kernels are recorded and the recording is run backwards ([`record`]); elsewhere nothing is
//! recorded and candle's graph does it all.
//!
//! With [`Recompute::Blocks`] the forward pass runs without either and keeps only the feature map that enters each step
//! (a residual block with its transformer, a downsampling or an upsampling). The backward pass goes through the steps
//! from the last to the first, computes each again, recorded, and pushes the gradient of its result through it (Chen et
//! al. 2016, <https://arxiv.org/abs/1604.06174>). Steps before the first adapter are not visited.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{Result, Tensor, Var};

use super::model::UNet2DConditionModel;
use super::step::{Shared, Slot, Visit, walk};
use crate::kernels::{Gradients, add, on_deep_stack, record};
use crate::models::conditioning::Conditioning;
use crate::models::gradients::{Collected, LossAndGradients, Recompute};
use crate::models::lora_set::LoraSet;

impl UNet2DConditionModel {
    /// Runs the model, takes `loss` (a scalar) of its prediction `(B,4,h,w)` f32, and differentiates it by every tensor
    /// of `lora`, which must be those of `Var`s. Arguments are as in [`forward`](UNet2DConditionModel::forward). Both
    /// ways of [`Recompute`] give the same loss, and gradients that differ by rounding only.
    ///
    /// # Errors
    /// Shapes that do not agree, or a tensor of `lora` that gets no gradient: its layer is not in this model, or it is
    /// not a `Var`.
    pub fn loss_and_gradients(
        &self,
        latents: &Tensor,
        timesteps: &[f32],
        conditioning: &Conditioning,
        lora: &LoraSet,
        recompute: Recompute,
        loss: impl FnOnce(&Tensor) -> Result<Tensor> + Send,
    ) -> Result<LossAndGradients> {
        on_deep_stack(|| match recompute {
            Recompute::Nothing => {
                let (prediction, recording) = record(|| self.forward(latents, timesteps, conditioning, lora))?;
                let loss = loss(&prediction)?;
                let mut sum = Collected::default();
                sum.take(&mut recording.backward(&loss)?, lora.iter());
                Ok(LossAndGradients { loss: loss.detach(), gradients: sum.complete(lora)? })
            }
            Recompute::Blocks => self.recompute_blocks(latents, timesteps, conditioning, lora, loss),
        })
    }

    fn recompute_blocks(
        &self,
        latents: &Tensor,
        timesteps: &[f32],
        conditioning: &Conditioning,
        lora: &LoraSet,
        loss: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<LossAndGradients> {
        let (first, time, context) = self.enter(latents, timesteps, conditioning)?;
        let frozen = lora.detached();
        let on = Shared { time: &time, context: &context, lora: &frozen };

        // Forward without a graph, noting the inputs of each step and which results depend on an adapter.
        let mut visits: Vec<Visit> = Vec::new();
        let mut adapted = BTreeSet::new();
        let last = walk(&self.steps, first, |visit| {
            let value = visit.step.forward(&visit.x.value, visit.skip.as_ref().map(|s| &s.value), visit.size, on)?;
            let has_adapter = visit.step.adaptable_layers().any(|m| lora.get(&m.name).is_some());
            let inputs = [Some(&visit.x), visit.skip.as_ref()];
            if has_adapter || inputs.into_iter().flatten().any(|s| adapted.contains(&s.id)) {
                adapted.insert(visit.x.id + 1);
            }
            visits.push(visit);
            Ok(value)
        })?;

        let mut sum = Collected::default();
        // Gradients of the loss by the feature maps still to be visited, by slot.
        let mut by_slot = BTreeMap::new();
        let result = tracked(&last, &adapted)?;
        let (prediction, recording) = record(|| self.leave(&result))?;
        let loss = loss(&prediction)?;
        collect(&mut by_slot, &mut recording.backward(&loss)?, &[(last.id, &result)])?;
        drop((prediction, last, result));

        let on = Shared { lora, ..on };
        while let Some(visit) = visits.pop() {
            let Some(gradient) = by_slot.remove(&(visit.x.id + 1)) else { continue };
            let x = tracked(&visit.x, &adapted)?;
            let skip = visit.skip.as_ref().map(|s| tracked(s, &adapted)).transpose()?;
            let (again, recording) = record(|| visit.step.forward(&x, skip.as_ref(), visit.size, on))?;
            let mut gradients = recording.backward_from(&again, &gradient)?;
            drop((again, gradient));
            let here = visit.step.adaptable_layers().filter_map(|m| Some((m.name.as_str(), lora.get(&m.name)?)));
            sum.take(&mut gradients, here);
            let skip = visit.skip.as_ref().zip(skip.as_ref()).map(|(slot, value)| (slot.id, value));
            let inputs: Vec<_> = std::iter::once((visit.x.id, &x)).chain(skip).collect();
            collect(&mut by_slot, &mut gradients, &inputs)?;
        }
        Ok(LossAndGradients { loss: loss.detach(), gradients: sum.complete(lora)? })
    }
}

/// The slot's value, as a variable if an adapter acted before it.
fn tracked(slot: &Slot, adapted: &BTreeSet<usize>) -> Result<Tensor> {
    if adapted.contains(&slot.id) { Ok(Var::from_tensor(&slot.value)?.into_inner()) } else { Ok(slot.value.clone()) }
}

fn collect(
    by_slot: &mut BTreeMap<usize, Tensor>,
    gradients: &mut Gradients,
    inputs: &[(usize, &Tensor)],
) -> Result<()> {
    for (id, value) in inputs {
        let Some(new) = gradients.remove(value) else { continue };
        let sum = match by_slot.remove(id) {
            Some(old) => add(&old, &new)?,
            None => new,
        };
        by_slot.insert(*id, sum);
    }
    Ok(())
}
