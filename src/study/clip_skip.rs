//! Whether the text encoders of a study's models have the layers that the study leaves out.

use std::collections::BTreeMap;

use crate::experiment::{Experiment, Problem, Problems, settings};
use crate::models::families::TextStates;
use crate::worker::BaseModel;

/// Checks every cell's `generate.clip_skip` and `train.clip_skip`; each that is too large is told once.
pub(super) fn check(
    experiment: &Experiment,
    models: &BTreeMap<settings::ModelSources, BaseModel>,
) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (index, cell) in experiment.cells().iter().enumerate() {
        let Some(model) = models.get(&cell.settings.model.sources()) else { continue };
        let most = model.summary.most_clip_skip;
        let drawn = cell.settings.generate.images.reading.clip_skip;
        let trained = cell.settings.train.recipe.clip_skip.unwrap_or(0);
        for (key, skip) in [("generate.clip_skip", drawn), ("train.clip_skip", trained)] {
            let problem = |message| Problem::error(experiment.place(key, Some(index)), message);
            if key == "train.clip_skip" && skip > 0 && model.summary.text_states == TextStates::Penultimate {
                let message = format!("`{key}` is {skip}, and this model is trained on one layer of its text encoders");
                let expected = "0: sd-scripts does not use its `clip_skip` for Stable Diffusion XL, either";
                problems.push(problem(message).expected(expected));
            } else if skip > most {
                let message = format!("`{key}` is {skip}, more layers than the model's text encoder can lose");
                problems.push(problem(message).expected(format!("at most {most}; 1 is usual")));
            }
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(()) }
}
