//! What the cells of an experiment do with their photos.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::experiment::Experiment;
use crate::experiment::settings::Dataset;
use crate::photos::check::Usage;

/// What the cells do with the photos of one setting of `dataset.images`.
#[must_use]
pub fn usages(experiment: &Experiment, images: &[PathBuf]) -> BTreeSet<Usage> {
    let datasets = experiment.cells().iter().map(|cell| &cell.settings.dataset).filter(|set| set.images == images);
    let usage =
        |set: &Dataset| Usage::of_cell(set.resolution, set.crop, set.seed, set.held_out).in_buckets(set.aspect_buckets);
    datasets.map(usage).collect()
}
