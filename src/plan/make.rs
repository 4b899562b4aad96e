//! From an experiment and the facts to a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::keys::{CellPhotos, Ingredients};
use super::{Cell, Facts, Job, JobPhotos, Plan, notices};
use crate::experiment::{Experiment, Place, Problem, Problems, label};
use crate::photos::{Photo, Scan, split};
use crate::stage::Stage;
use crate::store::Key;

/// Plans the whole study: photos are divided, jobs named by what they depend on, equal jobs made once.
///
/// The photos of a folder are ordered by `dataset.seed`; the last `dataset.held_out` of that order are held out in
/// every cell, the first `dataset.size` are trained on; copies of one picture stay together ([`split()`]).
///
/// # Errors
/// Too few photos for the largest size and the held-out photos, with counts and the folder; captions that are wanted
/// but cannot be used.
pub fn make(experiment: &Experiment, facts: &Facts) -> Result<Plan, Problems> {
    check_photos(experiment, facts)?;
    let mut plan = Plan { name: experiment.name.clone(), title: experiment.title.clone(), ..Plan::default() };
    let mut known: BTreeMap<(Stage, Key), usize> = BTreeMap::new();
    for (index, cell) in experiment.cells().iter().enumerate() {
        let dataset = &cell.settings.dataset;
        let (Some(scan), Some(base_hash)) =
            (facts.photos.get(&dataset.images), facts.base_hashes.get(&cell.settings.model.base))
        else {
            let place = Place::Path(experiment.file.clone());
            return Err(Problem::error(place, "photos or base model were not looked up").into());
        };
        plan.photo_names.extend(scan.photos.iter().map(|photo| (photo.hash.clone(), photo.name.clone())));
        let photos = divide(scan, dataset.seed, dataset.size, dataset.held_out);
        let hashes = |photos: &[&Photo]| photos.iter().map(|photo| photo.hash.clone()).collect::<Vec<_>>();
        let (train, held_out) = (hashes(&photos.train), hashes(&photos.held_out));
        let ingredients =
            Ingredients { settings: &cell.settings, photos, base_hash, device_class: &facts.device_class };
        let jobs = add_jobs(&mut plan.jobs, &mut known, &ingredients, index);
        plan.cells.push(Cell {
            label: cell.label.clone(),
            slug: cell.slug.clone(),
            assignments: cell.assignments.clone(),
            settings: cell.settings.clone(),
            train_photos: train,
            held_out_photos: held_out,
            jobs,
        });
    }
    name_jobs(&mut plan);
    plan.notices = notices::gather(experiment, facts);
    Ok(plan)
}

/// The jobs of one cell, new ones appended to `jobs`.
fn add_jobs(
    jobs: &mut Vec<Job>,
    known: &mut BTreeMap<(Stage, Key), usize>,
    ingredients: &Ingredients<'_>,
    cell: usize,
) -> BTreeMap<Stage, usize> {
    let mut own: BTreeMap<Stage, usize> = BTreeMap::new();
    for stage in Stage::ALL {
        if stage == Stage::ClassImages && ingredients.settings.train.prior_preservation.is_none() {
            continue;
        }
        let inputs = ingredients.inputs(stage, &|other| own.get(&other).map(|job| jobs[*job].key.clone()));
        let key = inputs.key(stage);
        let job = *known.entry((stage, key.clone())).or_insert_with(|| {
            jobs.push(Job {
                stage,
                key,
                inputs,
                settings: ingredients.settings.clone(),
                photos: job_photos(stage, &ingredients.photos),
                needs: needs(stage).iter().filter_map(|need| own.get(need).copied()).collect(),
                cells: Vec::new(),
                label: String::new(),
            });
            jobs.len() - 1
        });
        jobs[job].cells.push(cell);
        own.insert(stage, job);
    }
    own
}

/// The stages whose artifacts a stage reads.
fn needs(stage: Stage) -> &'static [Stage] {
    match stage {
        Stage::Prepare | Stage::Baseline | Stage::ClassImages => &[],
        Stage::Train => &[Stage::Prepare, Stage::ClassImages],
        Stage::Generate => &[Stage::Train],
        Stage::Evaluate => &[Stage::Prepare, Stage::Baseline, Stage::ClassImages, Stage::Train, Stage::Generate],
    }
}

/// The photos a job works on: `prepare` on all that were found, training and measuring on those of the cell.
fn job_photos(stage: Stage, photos: &CellPhotos<'_>) -> JobPhotos {
    let hashes = |photos: &[&Photo]| photos.iter().map(|photo| photo.hash.clone()).collect();
    match stage {
        Stage::Prepare => {
            JobPhotos { train: photos.all.iter().map(|photo| photo.hash.clone()).collect(), held_out: Vec::new() }
        }
        Stage::Train | Stage::Evaluate => {
            JobPhotos { train: hashes(&photos.train), held_out: hashes(&photos.held_out) }
        }
        Stage::Baseline | Stage::ClassImages | Stage::Generate => JobPhotos::default(),
    }
}

fn divide(scan: &Scan, seed: u64, size: usize, held_out: usize) -> CellPhotos<'_> {
    let divided = split(scan, seed, held_out);
    let photos = |indices: Vec<usize>| indices.into_iter().map(|i| &scan.photos[i]).collect();
    let mut train: Vec<&Photo> = photos(divided.train);
    train.truncate(size);
    CellPhotos { all: &scan.photos, train, held_out: photos(divided.held_out) }
}

/// Enough photos for the largest cell of each folder, and the held-out ones; captions that can be used.
fn check_photos(experiment: &Experiment, facts: &Facts) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let mut seen: BTreeSet<&Vec<PathBuf>> = BTreeSet::new();
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

/// `1 photo`, `2 photos`, `2 exact copies`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

/// A job is called by what its cells have in common: `dataset.size=5`, or `all cells`.
fn name_jobs(plan: &mut Plan) {
    let Plan { cells, jobs, .. } = plan;
    for job in jobs {
        job.label = match job.cells.as_slice() {
            [one] => cells[*one].label.clone(),
            all if all.len() == cells.len() => "all cells".to_owned(),
            some => {
                let first = &cells[some[0]].assignments;
                let shared = first.iter().filter(|one| some.iter().all(|cell| cells[*cell].assignments.contains(one)));
                let shared: Vec<String> = shared.map(|(key, value)| format!("{key}={}", label(value))).collect();
                if shared.is_empty() { count(some.len(), "cell") } else { shared.join(" ") }
            }
        };
    }
}

impl Plan {
    /// The plan of some of its cells, by index; jobs keep their order and labels.
    #[must_use]
    pub fn only(self, selected: &[usize]) -> Self {
        let Self { name, title, cells, jobs, photo_names, notices } = self;
        let mut new_cell = BTreeMap::new();
        let mut new_job = BTreeMap::new();
        let chosen = |index: &usize| selected.contains(index);
        for (index, _) in cells.iter().enumerate().filter(|(index, _)| chosen(index)) {
            new_cell.insert(index, new_cell.len());
        }
        let mut kept = Vec::new();
        for (index, mut job) in jobs.into_iter().enumerate() {
            job.cells = job.cells.iter().filter_map(|cell| new_cell.get(cell).copied()).collect();
            if job.cells.is_empty() {
                continue;
            }
            job.needs = job.needs.iter().filter_map(|need| new_job.get(need).copied()).collect();
            new_job.insert(index, kept.len());
            kept.push(job);
        }
        let renumber = |mut cell: Cell| {
            cell.jobs = cell.jobs.iter().filter_map(|(stage, job)| Some((*stage, *new_job.get(job)?))).collect();
            cell
        };
        let cells = cells.into_iter().enumerate().filter(|(index, _)| chosen(index)).map(|(_, cell)| renumber(cell));
        Self { name, title, cells: cells.collect(), jobs: kept, photo_names, notices }
    }
}
