//! Whether the text encoders of a study's models have the layers that the study leaves out.

use std::collections::BTreeMap;

use crate::experiment::{Experiment, Problem, Problems, settings};
use crate::worker::BaseModel;

/// Checks every cell's `generate.clip_skip`; each that is too large is told once.
pub(super) fn check(
    experiment: &Experiment,
    models: &BTreeMap<settings::ModelSources, BaseModel>,
) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (index, cell) in experiment.cells().iter().enumerate() {
        let Some(model) = models.get(&cell.settings.model.sources()) else { continue };
        let most = model.summary.most_clip_skip;
        let skip = cell.settings.generate.images.reading.clip_skip;
        if skip > most {
            let place = experiment.place("generate.clip_skip", Some(index));
            let message = format!("`generate.clip_skip` is {skip}, more layers than the model's text encoder can lose");
            problems.push(Problem::error(place, message).expected(format!("at most {most}; 1 is usual")));
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(()) }
}
