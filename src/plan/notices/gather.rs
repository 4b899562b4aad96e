//! All notices of a study.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{photos, prompts};
use crate::experiment::settings::Dataset;
use crate::experiment::{Cell, Experiment};
use crate::photos::Scan;
use crate::photos::check::Usage;
use crate::plan::facts::Facts;

/// Everything worth a warning, each a plain sentence, in a fixed order.
pub(in crate::plan) fn gather(experiment: &Experiment, facts: &Facts) -> Vec<String> {
    let mut notices: Vec<String> = facts.base_warnings.values().flatten().cloned().collect();
    notices.extend(prompts::gather(experiment, facts));
    let mut seen: BTreeSet<&Vec<PathBuf>> = BTreeSet::new();
    for cell in experiment.cells() {
        let images = &cell.settings.dataset.images;
        if let Some(scan) = facts.photos.get(images).filter(|_| seen.insert(images)) {
            let on = |other: &Cell| other.settings.dataset.captions && other.settings.dataset.images == *images;
            let usages = usages(experiment, scan, images);
            notices.extend(photos::gather(scan, &usages, experiment.cells().iter().any(on)));
        }
    }
    notices
}

/// What the cells do with the photos of one setting of `dataset.images`.
fn usages(experiment: &Experiment, scan: &Scan, images: &[PathBuf]) -> BTreeSet<Usage> {
    let datasets = experiment.cells().iter().map(|cell| &cell.settings.dataset).filter(|set| set.images == images);
    let usage = |set: &Dataset| Usage::of_cell(scan, set.resolution, set.crop, set.seed, (set.size, set.held_out));
    datasets.map(usage).collect()
}
