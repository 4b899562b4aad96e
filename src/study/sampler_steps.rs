//! Whether a study's samplers can do as many steps as it wants, on the models it names.

use crate::choice::{Conflict, Sampling};
use crate::experiment::{Experiment, Problem, Problems, settings};
use crate::sampling::process::Process;
use crate::sampling::samplers::Sampler;
use crate::worker::BaseModel;
use std::collections::BTreeMap;

/// Checks every cell's sampler; each impossible one is told once.
pub(super) fn check(
    experiment: &Experiment,
    models: &BTreeMap<settings::ModelSources, BaseModel>,
) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (index, cell) in experiment.cells().iter().enumerate() {
        let Some(model) = models.get(&cell.settings.model.sources()) else { continue };
        let generate = &cell.settings.generate;
        let class_images = cell.settings.train.prior_preservation.as_ref().filter(|prior| prior.kind.is_images());
        let uses = std::iter::once(("generate", generate.images.sampling))
            .chain(class_images.map(|prior| ("train.prior_preservation", prior.images.sampling())));
        for (section, sampling) in uses {
            let process = &model.summary.process;
            let sampling = sampling.or(process.usual_sampler());
            // What the file itself names was checked when it was read.
            let (setting, message, help) = match sampling.check() {
                Err(Conflict { setting, message, help }) => (setting, message, help),
                Ok(()) => match impossible(sampling, process) {
                    Some((message, help)) => ("steps", message, help),
                    None => continue,
                },
            };
            let key = format!("{section}.{setting}");
            let place = experiment.place(&key, Some(index));
            problems.push(Problem::error(place, format!("`{key}`: {message}")).help(help));
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(()) }
}

/// Why a sampler cannot do that, and what it can.
fn impossible(sampling: Sampling, process: &Process) -> Option<(String, String)> {
    let error = Sampler::new(sampling, process).err()?;
    let Sampling { sampler, steps, .. } = sampling;
    let possible = |steps: &usize| Sampler::new(Sampling { steps: *steps, ..sampling }, process).is_ok();
    let fewer = (1..steps.min(process.most_steps() + 1)).rev();
    let help = match fewer.into_iter().find(possible) {
        Some(most) => format!("with this model {sampler} does at most {most} steps; 20 to 50 are usual"),
        None => format!("set another sampler than {sampler}"),
    };
    Some((error.to_string(), help))
}
