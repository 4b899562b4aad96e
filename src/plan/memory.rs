//! What each job will hold in memory at most, from the configurations of the models and the settings alone.

use std::collections::BTreeMap;

use super::types::{Job, Plan};
use crate::choice::DeviceClass;
use crate::experiment::settings::{ImageRecipe, Optimizer};
use crate::kernels::Machine;
use crate::models::memory::{Adapters, DrawSizes, ModelMemory, TrainSizes};
use crate::models::storage::storage;
use crate::models::{Network, Recompute};
use crate::stage::{Inputs, ModelInputs, Stage, Train};

/// What the prediction needs to know of models and machine.
#[derive(Clone, Debug)]
pub struct MemoryFacts {
    /// Where the jobs run.
    pub machine: Machine,
    /// The networks of the base models, by content hash.
    pub networks: BTreeMap<String, Vec<Network>>,
    /// What image encoders hold while they look at pictures, by content hash.
    pub encoders: BTreeMap<String, u64>,
}

/// The bytes that each job of the plan holds at most, in the order of the jobs. `None` where nobody can tell: for a
/// model that is not here, on Metal, and for a job without a model.
///
/// On a CPU it is the memory of the process, on a GPU what the process takes of the GPU's.
#[must_use]
pub fn memory(plan: &Plan, facts: &MemoryFacts) -> Vec<Option<u64>> {
    if facts.machine.device == DeviceClass::Metal {
        return vec![None; plan.jobs.len()];
    }
    let mut models = Models { facts, known: Vec::new() };
    plan.jobs.iter().map(|job| Some(facts.machine.process(models.judge(plan, job)?))).collect()
}

/// The models of a plan, each sketched once.
struct Models<'a> {
    facts: &'a MemoryFacts,
    known: Vec<(ModelInputs, Option<ModelMemory>)>,
}

impl Models<'_> {
    fn of(&mut self, wanted: &ModelInputs) -> Option<&ModelMemory> {
        let index = match self.known.iter().position(|(known, _)| known == wanted) {
            Some(index) => index,
            None => {
                let networks = self.facts.networks.get(&wanted.base);
                let storage = storage(wanted.dtype, wanted.low_memory);
                let sketch = |networks: &Vec<Network>| ModelMemory::new(networks, self.facts.machine, storage).ok();
                self.known.push((wanted.clone(), networks.and_then(sketch).flatten()));
                self.known.len() - 1
            }
        };
        self.known[index].1.as_ref()
    }

    fn judge(&mut self, plan: &Plan, job: &Job) -> Option<u64> {
        let trained = || trained(plan, job);
        match &job.inputs {
            Inputs::Prepare(inputs) => {
                let side = inputs.dataset.resolution;
                let held = (inputs.photos.len() * 3 * side * side) as u64;
                Some(self.of(&inputs.model)?.encode((side, side), held))
            }
            Inputs::Baseline(inputs) => {
                self.of(&inputs.model)?.draw(drawing(&inputs.generate.images, inputs.hints.batch_size, None)).ok()
            }
            Inputs::ClassImages(inputs) => {
                let side = inputs.dataset.resolution;
                let recipe = inputs.train.prior_preservation.recipe(side);
                let model = self.of(&inputs.model)?;
                let left = model.weights() - model.denoiser_weights();
                let encoded = model.encode((side, side), left);
                Some(model.draw(drawing(&recipe, inputs.hints.batch_size, None)).ok()?.max(encoded))
            }
            Inputs::Train(inputs) => self.of(&inputs.model)?.train(training(plan, job, inputs)).ok(),
            Inputs::Generate(inputs) => {
                let sizes = drawing(&inputs.generate.images, inputs.hints.batch_size, trained());
                self.of(&inputs.model)?.draw(sizes).ok()
            }
            Inputs::Probe(inputs) => {
                let side = inputs.dataset.resolution;
                let (wanted, images) = (inputs.hints.batch_size, inputs.evaluate.probe_timesteps);
                let sizes = DrawSizes { pixels: (side, side), wanted, images, guided: false, adapter: trained() };
                self.of(&inputs.model)?.probe(sizes).ok()
            }
            Inputs::Features(inputs) => {
                // The base model stays loaded.
                let left = self.known.iter().filter_map(|(_, model)| Some(model.as_ref()?.weights())).max();
                Some(self.facts.encoders.get(&inputs.encoder)? + left.unwrap_or(0))
            }
            Inputs::Evaluate(_) => None,
        }
    }
}

fn drawing(recipe: &ImageRecipe, wanted: usize, adapter: Option<TrainSizes>) -> DrawSizes {
    let (pixels, images) = ((recipe.height, recipe.width), recipe.seeds.len());
    DrawSizes { pixels, wanted, images, guided: recipe.guidance.is_on(), adapter }
}

fn training(plan: &Plan, job: &Job, inputs: &Train) -> TrainSizes {
    let recipe = &inputs.train.recipe;
    let samples = if inputs.class_images.is_some() { 2 } else { 1 };
    let side = inputs.dataset.resolution;
    let count = |need: &usize| match &plan.jobs[*need].inputs {
        Inputs::ClassImages(images) => images.train.prior_preservation.count,
        _ => 0,
    };
    let class_images: usize = job.needs.iter().map(count).sum();
    TrainSizes {
        pixels: (side, side),
        batch: samples * recipe.batch_size,
        passes: recipe.gradient_accumulation,
        steps: recipe.steps,
        adapter: of_recipe(inputs),
        remembered: optimizer(recipe.optimizer.name) + if recipe.ema_decay.is_some() { 4 } else { 0 },
        text: recipe.text_encoder,
        recompute: if recipe.gradient_checkpointing { Recompute::Blocks } else { Recompute::Nothing },
        items: inputs.photos.len() + inputs.held_out.len() + class_images,
        probed: inputs.evaluate.probe_photos.min(inputs.photos.len()) * inputs.evaluate.probe_timesteps,
    }
}

/// Bytes that an optimizer remembers of each number.
fn optimizer(name: Optimizer) -> u64 {
    match name {
        Optimizer::AdamW => 8,
        Optimizer::AdamW8bit => 2,
        Optimizer::Lion => 4,
        // Two means, the weight at the beginning, and the sum of the gradients.
        Optimizer::Prodigy => 16,
    }
}

fn of_recipe(inputs: &Train) -> Adapters {
    let recipe = &inputs.train.recipe;
    let (targets, dropout) = (recipe.targets, recipe.dropout > 0.0);
    Adapters { kind: recipe.adapter, targets, rank: recipe.rank, dropout }
}

/// The training that a job needs, or else one of its cells, which came before in this process.
fn trained(plan: &Plan, job: &Job) -> Option<TrainSizes> {
    let is_near = |other: &&Job| other.stage == Stage::Train && other.cells.iter().any(|cell| job.cells.contains(cell));
    let needed = job.needs.iter().map(|need| &plan.jobs[*need]).find(|need| need.stage == Stage::Train);
    let train = needed.or_else(|| plan.jobs.iter().find(is_near))?;
    let Inputs::Train(inputs) = &train.inputs else { return None };
    Some(training(plan, train, inputs))
}
