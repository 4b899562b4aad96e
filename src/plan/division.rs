//! Which photos a cell trains on and which it holds out, and whether there are enough of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::facts::Facts;
use crate::experiment::{Experiment, Place, Problem, Problems};
use crate::photos::{Photo, Scan, split};
use crate::text::count;

/// The photos of a cell: those that are trained on, and those that are held out.
pub(super) fn divide(scan: &Scan, seed: u64, size: usize, held_out: usize) -> (Vec<&Photo>, Vec<&Photo>) {
    let divided = split(scan, seed, held_out);
    let photos = |indices: Vec<usize>| indices.into_iter().map(|i| &scan.photos[i]).collect();
    let mut train: Vec<&Photo> = photos(divided.train);
    train.truncate(size);
    (train, photos(divided.held_out))
}

/// Enough photos for the largest cell of each folder, and the held-out ones; captions that can be used.
pub(super) fn check_photos(experiment: &Experiment, facts: &Facts) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let mut seen: BTreeSet<&Vec<PathBuf>> = BTreeSet::new();
    check_masks(experiment, facts, &mut problems);
    for (index, cell) in experiment.cells().iter().enumerate() {
        let images = &cell.settings.dataset.images;
        let Some(scan) = facts.photos.get(images) else { continue };
        if cell.settings.dataset.captions && !scan.bad_captions.is_empty() {
            let place = experiment.place("dataset.captions", Some(index));
            let message = format!("captions cannot be used: {}", scan.bad_captions.join("; "));
            problems.push(Problem::error(place, message).help("mend or remove the files, or set captions = false"));
            break;
        }
    }
    for cell in experiment.cells() {
        let images = &cell.settings.dataset.images;
        let Some(scan) = facts.photos.get(images).filter(|_| seen.insert(images)) else { continue };
        let same = experiment.cells().iter().enumerate().filter(|(_, other)| other.settings.dataset.images == *images);
        // Which photos of a picture are left out depends on the seed of the cell.
        let lacks = same.filter_map(|(index, other)| {
            let dataset = &other.settings.dataset;
            let usable = scan.photos.len() - split(scan, dataset.seed, dataset.held_out).left_out.len();
            let needed = dataset.size.saturating_add(dataset.held_out);
            (usable < needed).then_some((dataset.size, std::cmp::Reverse(index), usable, dataset.held_out))
        });
        if let Some((size, std::cmp::Reverse(largest), usable, held_out)) = lacks.max() {
            let place = experiment.place("dataset.size", Some(largest));
            problems.push(too_few(place, scan, images, usable, size, held_out));
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(()) }
}

/// Masks that can be used, and one place for the masks of a folder of photos.
fn check_masks(experiment: &Experiment, facts: &Facts, problems: &mut Problems) {
    let mut masks: BTreeMap<&Vec<PathBuf>, &Option<PathBuf>> = BTreeMap::new();
    for (index, cell) in experiment.cells().iter().enumerate() {
        let dataset = &cell.settings.dataset;
        let place = || experiment.place("dataset.masks", Some(index));
        let Some(first) = masks.insert(&dataset.images, &dataset.masks) else {
            let bad = facts.photos.get(&dataset.images).map(|scan| scan.bad_masks.as_slice()).unwrap_or_default();
            for mask in bad {
                let message = format!("a mask cannot be used: {}: {}", mask.path.display(), mask.reason);
                problems.push(Problem::error(place(), message));
            }
            continue;
        };
        if *first != dataset.masks {
            let problem = Problem::error(place(), "cells with the same photos have different masks");
            problems.push(problem.help("set `dataset.masks` once, for all cells"));
            return;
        }
    }
}

fn too_few(place: Place, scan: &Scan, images: &[PathBuf], usable: usize, size: usize, held_out: usize) -> Problem {
    let folders: Vec<String> = images.iter().map(|path| path.display().to_string()).collect();
    let folders = folders.join(" and ");
    let needed = size.saturating_add(held_out);
    let message =
        format!("{} in {folders}, but {size} to train on and {held_out} held out are {needed}", count(usable, "photo"));
    let mut help = match usable.saturating_sub(held_out) {
        0 => "add photos or hold out fewer".to_owned(),
        possible => format!("add photos, or train on at most {possible}"),
    };
    if !scan.skipped.is_empty() {
        let names = scan.skipped.iter().take(3).map(|s| format!("{} ({})", s.path.display(), s.reason));
        help += &format!("; not used: {}", names.collect::<Vec<_>>().join(", "));
        if scan.skipped.len() > 3 {
            help += &format!(" and {} more", scan.skipped.len() - 3);
        }
    }
    if !scan.duplicates.is_empty() {
        help += &format!("; {} not counted", count(scan.duplicates.len(), "exact copy"));
    }
    if usable < scan.photos.len() {
        let left_out = count(scan.photos.len() - usable, "photo");
        help += &format!("; {left_out} left out, nearly the same picture as a held-out photo");
    }
    Problem::error(place, message).help(help)
}
