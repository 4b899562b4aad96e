//! All notices of a study.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{photos, prompts};
use crate::experiment::{Cell, Experiment};
use crate::plan::facts::Facts;
use crate::plan::usages::usages;

/// Everything worth a warning, each a plain sentence, in a fixed order.
pub(in crate::plan) fn gather(experiment: &Experiment, facts: &Facts) -> Vec<String> {
    let mut notices: Vec<String> = facts.base_warnings.values().flatten().cloned().collect();
    notices.extend(
        facts
            .encoder_warnings
            .iter()
            .flat_map(|(name, warnings)| warnings.iter().map(move |warning| format!("encoder {name}: {warning}"))),
    );
    notices.extend(prompts::gather(experiment, facts));
    let mut seen: BTreeSet<&Vec<PathBuf>> = BTreeSet::new();
    for cell in experiment.cells() {
        let images = &cell.settings.dataset.images;
        if let Some(scan) = facts.photos.get(images).filter(|_| seen.insert(images)) {
            let on = |other: &Cell| other.settings.dataset.captions && other.settings.dataset.images == *images;
            let usages = usages(experiment, images);
            notices.extend(photos::gather(scan, &usages, experiment.cells().iter().any(on)));
        }
    }
    notices
}
