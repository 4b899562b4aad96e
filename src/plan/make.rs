//! From an experiment and the facts to a plan.

use std::collections::BTreeMap;

use super::division::{check_photos, divide};
use super::facts::Facts;
use super::notices;
use super::race::{Field, Runner};
use super::types::{Cell, Job, Plan};
use crate::experiment::settings::EncoderChoice;
use crate::experiment::{Experiment, Place, Problem, Problems, Settings, label};
use crate::photos::Photo;
use crate::stage::{ByStage, CellEncoder, CellFacts, Inputs, Key, Keys, Stage};
use crate::text::count;

/// Plans the whole study: photos are divided, jobs named by what they depend on, equal jobs made once.
///
/// The photos of a folder are ordered by `dataset.seed`; the last `dataset.held_out` of that order are held out in
/// every cell, the first `dataset.size` are trained on; copies of one picture stay together
/// ([`split()`](crate::photos::split)).
///
/// # Errors
/// Too few photos for the largest size and the held-out photos, with counts and the folder; captions that are wanted
/// but cannot be used.
pub fn make(experiment: &Experiment, facts: &Facts) -> Result<Plan, Problems> {
    check_photos(experiment, facts)?;
    let file = experiment.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut plan = Plan { name: experiment.name.clone(), title: experiment.title.clone(), file, ..Plan::default() };
    let mut known: BTreeMap<(Stage, Key), usize> = BTreeMap::new();
    let probed = probed(experiment);
    for (index, cell) in experiment.cells().iter().enumerate() {
        let dataset = &cell.settings.dataset;
        let (Some(scan), Some(base_hash)) =
            (facts.photos.get(&dataset.images), facts.base_hashes.get(&cell.settings.model.sources()))
        else {
            let place = Place::Path(experiment.file.clone());
            return Err(Problem::error(place, "photos or base model were not looked up").into());
        };
        plan.photo_names.extend(scan.photos.iter().map(|photo| (photo.hash.clone(), photo.name.clone())));
        let (train, held_out) = divide(scan, dataset.seed, dataset.size, dataset.held_out);
        let hashes = |photos: &[&Photo]| photos.iter().map(|photo| photo.hash.clone()).collect::<Vec<_>>();
        let (train_photos, held_out_photos) = (hashes(&train), hashes(&held_out));
        let usual = facts.usual_samplers.get(&cell.settings.model.sources());
        let settings = usual.map_or_else(|| cell.settings.clone(), |usual| cell.settings.drawn_with(*usual));
        let (settings, device_class) = (&settings, facts.device_class.as_str());
        let encoders = encoders(settings, facts);
        let probed = train.iter().take(probed).copied().collect();
        let (photos, masks) = (&scan.photos, &scan.masks);
        let cell_facts =
            CellFacts { settings, base_hash, device_class, photos, masks, train, held_out, probed, encoders };
        let jobs = add_jobs(&mut plan.jobs, &mut known, &cell_facts, index);
        plan.cells.push(Cell {
            label: cell.label.clone(),
            slug: cell.slug.clone(),
            assignments: cell.assignments.clone(),
            settings: settings.clone(),
            train_photos,
            held_out_photos,
            jobs,
        });
    }
    name_jobs(&mut plan);
    plan.notices = notices::gather(experiment, facts);
    plan.race = race(&plan);
    plan.notices.extend(plan.race.as_ref().and_then(Field::cannot_stop));
    Ok(plan)
}

/// The race between the conditions of a plan.
fn race(plan: &Plan) -> Option<Field> {
    fn runner(cell: &Cell) -> Runner<'_> {
        let Cell { assignments, settings, jobs, .. } = cell;
        Runner { assignments, settings, jobs }
    }
    Field::of(plan.cells.iter().map(runner), |job| &plan.jobs[job].key)
}

/// The encoders of a cell; those that were not looked up are left out.
fn encoders<'a>(settings: &'a Settings, facts: &'a Facts) -> Vec<CellEncoder<'a>> {
    let encoder =
        |choice: &'a EncoderChoice| Some(CellEncoder { choice, hash: facts.encoder_hashes.get(&choice.model)? });
    settings.evaluate.encoders.iter().filter_map(encoder).collect()
}

/// How many training photos of each cell have their probe values kept: as many as the smallest cell has, so that no
/// cell is measured on more photos than another. They are the first ones of the order that decides which photos a cell
/// trains on, so cells of different sizes are measured on the same photos.
fn probed(experiment: &Experiment) -> usize {
    let of_cell = |settings: &Settings| settings.dataset.size.min(settings.evaluate.probe.probe_photos);
    experiment.cells().iter().map(|cell| of_cell(&cell.settings)).min().unwrap_or_default()
}

/// The jobs of one cell, new ones appended to `jobs`.
fn add_jobs(
    jobs: &mut Vec<Job>,
    known: &mut BTreeMap<(Stage, Key), usize>,
    facts: &CellFacts<'_>,
    cell: usize,
) -> ByStage<usize> {
    let mut own = ByStage::default();
    let mut keys = Keys::default();
    for stage in Stage::ALL {
        for inputs in Inputs::of(stage, facts, &keys) {
            let key = inputs.key_inputs().key(stage);
            let job = *known.entry((stage, key.clone())).or_insert_with(|| {
                let reads = |need: &usize| inputs.reads(jobs[*need].stage, &jobs[*need].key);
                let needs = own.iter().map(|(_, need)| *need).filter(reads).collect();
                jobs.push(Job { stage, key: key.clone(), inputs, needs, cells: Vec::new(), label: String::new() });
                jobs.len() - 1
            });
            // Two encoders of the same content need the same work.
            if own.all(stage).contains(&job) {
                continue;
            }
            jobs[job].cells.push(cell);
            own.add(stage, job);
            keys.add(stage, key);
        }
    }
    own
}

/// A job is called by what its cells have in common: `dataset.size=5`, or `all cells`. What tells it from other jobs of
/// its stage stands behind.
fn name_jobs(plan: &mut Plan) {
    let Plan { cells, jobs, .. } = plan;
    for (index, job) in jobs.iter_mut().enumerate() {
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
        let first_of_stage = job.cells.first().and_then(|cell| cells[*cell].jobs.one(job.stage));
        let more = match &job.inputs {
            Inputs::Features(features) => match features.of {
                Stage::Prepare => format!(" ({}, photos)", features.name),
                Stage::Baseline => format!(" ({}, base model)", features.name),
                _ => format!(" ({})", features.name),
            },
            Inputs::Probe(probe) if probe.train.is_none() => " (base model)".to_owned(),
            Inputs::Baseline(_) if first_of_stage != Some(&index) => " (class word)".to_owned(),
            _ => continue,
        };
        job.label += &more;
    }
}
