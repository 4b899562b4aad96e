//! Whether a study's sizes fit the models it names.

use std::collections::BTreeMap;

use crate::experiment::settings::ModelSources;
use crate::experiment::{Experiment, Problem, Problems};
use crate::worker::BaseModel;

/// Sizes must fit the model: its autoencoder and every halving of the UNet.
///
/// # Errors
/// Every size that does not fit, with the nearest ones that do.
pub(super) fn check(experiment: &Experiment, models: &BTreeMap<ModelSources, BaseModel>) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (index, cell) in experiment.cells().iter().enumerate() {
        let settings = &cell.settings;
        let Some(model) = models.get(&settings.model.sources()) else { continue };
        let multiple = model.summary.unet_multiple.max(1);
        let sizes = [
            ("dataset.resolution", settings.dataset.resolution),
            ("generate.width", settings.generate.images.width),
            ("generate.height", settings.generate.images.height),
        ];
        for (key, size) in sizes {
            // Width and height are the resolution unless the file gives them: then one message is enough.
            if !size.is_multiple_of(multiple) && (key == "dataset.resolution" || size != settings.dataset.resolution) {
                let message = format!("`{key}` is {size}, which this model cannot do");
                let (below, above) = (size / multiple * multiple, size.next_multiple_of(multiple));
                let problem = Problem::error(experiment.place(key, Some(index)), message)
                    .expected(format!("a multiple of {multiple}, e.g. {}", if below == 0 { above } else { below }));
                problems.push(problem);
            }
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(()) }
}
