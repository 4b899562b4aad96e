//! What the UNet holds in memory: as in `model.rs` and in [`recompute`](crate::models::recompute), without numbers.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::Result;

use super::model::UNet2DConditionModel;
use super::step::{self, StepOfSize};
use crate::models::gradients::Recompute;
use crate::models::steps::{Step as _, Visit};
use crate::models::trace::{Gradients, Held, Map, Trace};

/// The sizes of a pass through a denoiser.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// Samples.
    pub(crate) batch: usize,
    /// Height and width of the latents.
    pub(crate) sides: (usize, usize),
    /// Tokens of each prompt.
    pub(crate) tokens: usize,
}

/// What all steps see: the embedding of the time, and the prompt's tokens.
struct Shared {
    time: Map,
    context: Map,
}

impl UNet2DConditionModel {
    /// A prediction.
    ///
    /// # Errors
    /// A network that cannot be walked through, which none is that was built.
    pub(crate) fn trace(&self, t: &Trace, pass: Pass) -> Result<Map> {
        let (first, shared) = self.trace_enter(t, pass);
        let last = step::walk(&self.steps, first, |visit| Ok(trace_step(t, &visit, &shared)))?;
        Ok(self.trace_leave(t, &last.value))
    }

    /// The gradients of a loss by the variables of an adapter, which are held until the result is dropped.
    ///
    /// # Errors
    /// As [`trace`](Self::trace).
    pub(crate) fn trace_gradients(&self, t: &Trace, pass: Pass, recompute: Recompute) -> Result<Vec<Held>> {
        match recompute {
            Recompute::Nothing => {
                let (prediction, tape) = t.record(|| self.trace(t, pass));
                let prediction = prediction?;
                let gradient = t.meter().hold(t.bytes(prediction.numbers()));
                Ok(t.backward(tape, &prediction, gradient).into_values().collect())
            }
            Recompute::Blocks => self.trace_recomputed(t, pass),
        }
    }

    fn trace_recomputed(&self, t: &Trace, pass: Pass) -> Result<Vec<Held>> {
        let (first, shared) = self.trace_enter(t, pass);
        let mut visits: Vec<Visit<StepOfSize<'_>, Map>> = Vec::new();
        let mut adapted = BTreeSet::new();
        let last = step::walk(&self.steps, first, |visit| {
            let value = trace_step(t, &visit, &shared);
            let has_adapter = t.adapts(visit.step.adaptable_layers());
            if has_adapter || visit.inputs.iter().any(|input| adapted.contains(&input.id)) {
                adapted.insert(visit.result_id());
            }
            visits.push(visit);
            Ok(value)
        })?;
        // A variable is a copy.
        let tracked = |id: usize, value: &Map| {
            if adapted.contains(&id) { t.variable(&t.map(value.dims())) } else { value.clone() }
        };
        let mut variables = Vec::new();
        let mut by_map = Gradients::new();
        let result = tracked(last.id, &last.value);
        let (prediction, tape) = t.record(|| self.trace_leave(t, &result));
        let gradient = t.meter().hold(t.bytes(prediction.numbers()));
        collect(t, &mut by_map, &mut t.backward(tape, &prediction, gradient), &[(last.id, result.clone())]);
        drop((prediction, last, result));
        while let Some(visit) = visits.pop() {
            let Some(gradient) = by_map.remove(&visit.result_id()) else { continue };
            let inputs: Vec<(usize, Map)> =
                visit.inputs.iter().map(|input| (input.id, tracked(input.id, &input.value))).collect();
            let values: Vec<&Map> = inputs.iter().map(|(_, value)| value).collect();
            let (again, tape) = t.record(|| visit.step.trace(t, &values, &shared.time, &shared.context));
            let mut gradients = t.backward(tape, &again, gradient);
            drop(again);
            collect(t, &mut by_map, &mut gradients, &inputs);
            variables.extend(gradients.into_values());
        }
        Ok(variables)
    }

    fn trace_enter(&self, t: &Trace, Pass { batch, sides: (height, width), tokens }: Pass) -> (Map, Shared) {
        let config = self.config();
        let time = t.map(&[batch, 4 * config.blocks[0].channels]);
        let x = t.map(&[batch, height, width, config.in_channels]);
        let context = t.map(&[batch, tokens, config.cross_attention_dim]);
        (self.conv_in.trace(t, &x), Shared { time, context })
    }

    fn trace_leave(&self, t: &Trace, x: &Map) -> Map {
        self.conv_out.trace(t, &t.norm(x))
    }
}

fn trace_step(t: &Trace, visit: &Visit<StepOfSize<'_>, Map>, shared: &Shared) -> Map {
    let inputs: Vec<&Map> = visit.inputs.iter().map(|input| &input.value).collect();
    visit.step.trace(t, &inputs, &shared.time, &shared.context)
}

/// Adds the gradients of these feature maps to those that later steps gave them.
fn collect(t: &Trace, by_map: &mut Gradients, gradients: &mut BTreeMap<usize, Held>, inputs: &[(usize, Map)]) {
    for (id, value) in inputs {
        if let Some(new) = value.id.and_then(|id| gradients.remove(&id)) {
            t.add(by_map, *id, new);
        }
    }
}
