//! From plan and store to [`StudyData`]: finds each cell's artifacts and says what is missing and why.

mod images;
mod settings;

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

use crate::plan::{Cell, Job, Plan};
use crate::records::adapters;
use crate::records::photos::{self, PhotoList, crop_file, short};
use crate::records::rows::{LossRow, ProbeRow, Row as _, TimingRow};
use crate::report::ReportError;
use crate::report::data::{
    CellData, Cost, ImageSet, Metrics, PhotoData, Problem, ReportFile, Setting, SkippedFile, StudyData, Table,
};
use crate::report::words;
use crate::stage::Stage;
use crate::store::{Artifact, Found, Store};

/// What the store has for one job.
enum State {
    Done(Box<Artifact>),
    Failed(String),
    Missing(String),
}

/// Reads everything the report shows; a missing or failed piece becomes a [`Problem`] of its cells.
pub fn collect(plan: &Plan, store: &Store) -> Result<StudyData, ReportError> {
    let states = plan.jobs.iter().map(|job| state(job, store)).collect::<Result<Vec<_>, _>>()?;
    let mut c = Collector { plan, states: &states, photos: BTreeMap::new(), data: StudyData::default() };
    c.data.name.clone_from(&plan.name);
    c.data.title.clone_from(&plan.title);
    c.data.notices.clone_from(&plan.notices);
    c.data.axes = settings::axes(plan);
    (c.data.fixed, c.data.derived) = settings::shared(plan, &c.data.axes);
    c.data.settings_json = settings::json(plan);
    c.data.provenance = provenance(plan);
    c.data.costs = plan.jobs.iter().zip(&states).filter_map(|(job, state)| cost(plan, job, state)).collect();
    let baselines = c.sets(Stage::Baseline, "baseline")?;
    c.data.class_images = c.sets(Stage::ClassImages, "class")?.into_iter().map(|(_, set)| set).collect();
    for cell in &plan.cells {
        let mut one = c.cell(cell)?;
        one.baseline = cell.jobs.get(&Stage::Baseline).and_then(|j| baselines.iter().position(|(job, _)| job == j));
        c.data.cells.push(one);
    }
    c.data.baselines = baselines.into_iter().map(|(_, set)| set).collect();
    Ok(c.data)
}

fn state(job: &Job, store: &Store) -> Result<State, ReportError> {
    match store.look(job.stage, &job.key)? {
        Found::Done(artifact) => Ok(State::Done(artifact)),
        Found::Damaged(_) => {
            let what = words::stage_name(job.stage);
            Ok(State::Missing(format!("{what}: the stored result is damaged; run the experiment again")))
        }
        Found::Missing => Ok(match store.failure(job.stage, &job.key)? {
            Some(failure) => State::Failed(settings::sentence(&failure.reason)),
            None => State::Missing("not run yet".to_owned()),
        }),
    }
}

struct Collector<'p> {
    plan: &'p Plan,
    states: &'p [State],
    /// Photos already listed, by their prepare job and hash.
    photos: BTreeMap<(Option<usize>, String), usize>,
    data: StudyData,
}

impl Collector<'_> {
    fn artifact(&self, job: usize) -> Option<&Artifact> {
        match self.states.get(job)? {
            State::Done(artifact) => Some(artifact),
            _ => None,
        }
    }

    /// The key of a cell's job.
    fn key(&self, cell: &Cell, stage: Stage) -> String {
        cell.jobs.get(&stage).map(|j| self.plan.jobs[*j].key.to_string()).unwrap_or_default()
    }

    /// Why a job has no result, if what it needs is there.
    fn problem(&self, job: usize) -> Option<Problem> {
        let stage = self.plan.jobs[job].stage;
        let (failed, reason) = match &self.states[job] {
            State::Done(_) => return None,
            State::Failed(reason) => (true, reason.clone()),
            State::Missing(reason) => (false, reason.clone()),
        };
        Some(Problem { stage, failed, reason })
    }

    /// Problems of a cell, without those that only follow from another one.
    fn problems(&self, cell: &Cell) -> Vec<Problem> {
        let own: Vec<usize> = cell.jobs.values().copied().collect();
        let blocked = |job: usize| self.plan.jobs[job].needs.iter().any(|n| self.artifact(*n).is_none());
        let mut problems: Vec<Problem> =
            own.into_iter().filter(|j| !blocked(*j)).filter_map(|j| self.problem(j)).collect();
        // A failure explains more than what was not run because of it.
        problems.sort_by_key(|p| !p.failed);
        problems
    }

    /// The distinct jobs of a stage with their images.
    fn sets(&mut self, stage: Stage, folder: &str) -> Result<Vec<(usize, ImageSet)>, ReportError> {
        let mut jobs: Vec<usize> = Vec::new();
        for job in self.plan.cells.iter().filter_map(|c| c.jobs.get(&stage)) {
            if !jobs.contains(job) {
                jobs.push(*job);
            }
        }
        let several = jobs.len() > 1;
        let mut sets = Vec::new();
        for (i, job) in jobs.into_iter().enumerate() {
            let folder = if i == 0 { folder.to_owned() } else { format!("{folder}-{}", i + 1) };
            let cells: Vec<usize> =
                (0..self.plan.cells.len()).filter(|c| self.plan.cells[*c].jobs.get(&stage) == Some(&job)).collect();
            let mut set = ImageSet {
                label: if several { settings::common(self.plan, &cells) } else { String::new() },
                cells,
                problem: self.problem(job),
                ..ImageSet::default()
            };
            if let Some(artifact) = self.artifact(job) {
                let (pictures, files) = images::read(artifact, &folder)?;
                set.images = pictures;
                self.data.files.extend(files);
            }
            sets.push((job, set));
        }
        Ok(sets)
    }

    fn cell(&mut self, cell: &Cell) -> Result<CellData, ReportError> {
        let s = &cell.settings;
        let seen = (s.train.recipe.steps * s.train.recipe.batch_size * s.train.recipe.gradient_accumulation) as f64;
        let mut out = CellData {
            label: cell.label.clone(),
            slug: cell.slug.clone(),
            assignments: settings::assignments(cell),
            steps: s.train.recipe.steps,
            epochs: seen / cell.train_photos.len().max(1) as f64,
            train_seed: s.train.recipe.seed,
            train_job: self.key(cell, Stage::Train),
            image_job: self.key(cell, Stage::Generate),
            trained: cell.jobs.get(&Stage::Train).is_some_and(|j| self.artifact(*j).is_some()),
            probe_photos: s.evaluate.probe.probe_photos,
            prompts: s.generate.images.prompts.clone(),
            drift_prompts: s.evaluate.drift_prompts.clone(),
            seeds: s.generate.images.seeds.clone(),
            problems: self.problems(cell),
            ..CellData::default()
        };
        let prepare = cell.jobs.get(&Stage::Prepare).copied();
        out.train_photos = self.photos(prepare, s.dataset.resolution, &cell.train_photos)?;
        out.held_out_photos = self.photos(prepare, s.dataset.resolution, &cell.held_out_photos)?;
        self.training(cell, &mut out)?;
        if let Some(artifact) = cell.jobs.get(&Stage::Generate).and_then(|j| self.artifact(*j)) {
            let (pictures, files) = images::read(artifact, &cell.slug)?;
            out.images = pictures;
            self.data.files.extend(files);
        }
        if let Some(artifact) = cell.jobs.get(&Stage::Evaluate).and_then(|j| self.artifact(*j)) {
            out.metrics = Some(measurements(artifact, &cell.slug, &mut out.images, |hash| {
                self.photos.get(&(prepare.filter(|p| self.artifact(*p).is_some()), hash.to_owned())).copied()
            })?);
        }
        Ok(out)
    }

    /// Curves and adapters.
    fn training(&mut self, cell: &Cell, out: &mut CellData) -> Result<(), ReportError> {
        let Some(artifact) = cell.jobs.get(&Stage::Train).and_then(|j| self.artifact(*j)) else { return Ok(()) };
        let table = |name: &str| match artifact.manifest.files.contains_key(name) {
            true => artifact.read(name).map(|bytes| Table::parse(&bytes)),
            false => Ok(Table::default()),
        };
        out.loss = table(LossRow::FILE)?;
        out.probe = table(ProbeRow::FILE)?;
        let mut files = Vec::new();
        for name in adapters::ALL.into_iter().filter(|n| artifact.manifest.files.contains_key(*n)) {
            let to = format!("adapters/{}/{name}", cell.slug);
            files.push(ReportFile { to: to.clone(), from: artifact.file(name)? });
            out.adapters.push(to);
        }
        self.data.files.extend(files);
        Ok(())
    }

    /// Indices of photos, listed on first sight.
    fn photos(&mut self, job: Option<usize>, side: usize, hashes: &[String]) -> Result<Vec<usize>, ReportError> {
        let job = job.filter(|j| self.artifact(*j).is_some());
        if let Some(j) = job
            && !self.photos.keys().any(|(seen, _)| *seen == Some(j))
        {
            self.list_photos(j, side)?;
        }
        let mut out = Vec::with_capacity(hashes.len());
        for full in hashes {
            let hash = short(full).to_owned();
            let next = self.data.photos.len();
            let index = *self.photos.entry((job, hash.clone())).or_insert(next);
            if index == next {
                let name = self.plan.photo_names.get(full).cloned().unwrap_or_else(|| hash.clone());
                self.data.photos.push(PhotoData { name, hash, ..PhotoData::default() });
            }
            out.push(index);
        }
        Ok(out)
    }

    /// Lists every photo of a prepare artifact that some cell uses.
    fn list_photos(&mut self, job: usize, side: usize) -> Result<(), ReportError> {
        let Some(artifact) = self.artifact(job) else { return Ok(()) };
        let list: PhotoList = json(artifact, photos::FILE)?;
        let cells = || self.plan.cells.iter().filter(|c| c.jobs.get(&Stage::Prepare) == Some(&job));
        let used = |hash: &String| cells().any(|c| c.train_photos.contains(hash) || c.held_out_photos.contains(hash));
        let earlier = self.photos.keys().filter_map(|(j, _)| *j).collect::<std::collections::BTreeSet<_>>().len();
        let folder = if earlier == 0 { "photos".to_owned() } else { format!("photos-{}", earlier + 1) };
        let side = u32::try_from(side).unwrap_or(u32::MAX);
        let (mut photos, mut files) = (Vec::new(), Vec::new());
        for photo in list.photos.into_iter().filter(|p| used(&p.hash)) {
            let hash = short(&photo.hash).to_owned();
            let to = format!("{folder}/{hash}.png");
            files.push(ReportFile { to: to.clone(), from: artifact.file(&crop_file(&photo.hash))? });
            let (name, caption) = (photo.name, photo.caption);
            photos.push(PhotoData { hash, name, file: Some(to), width: side, height: side, caption });
        }
        for skipped in list.skipped {
            let name = Path::new(&skipped.path).file_name().map(|n| n.to_string_lossy().into_owned());
            let file = SkippedFile { name: name.unwrap_or_default(), reason: settings::sentence(&skipped.reason) };
            if !self.data.skipped.contains(&file) {
                self.data.skipped.push(file);
            }
        }
        for photo in photos {
            self.photos.insert((Some(job), photo.hash.clone()), self.data.photos.len());
            self.data.photos.push(photo);
        }
        self.data.files.extend(files);
        Ok(())
    }
}

/// The numbers of a cell; those of single images go to `pictures`.
fn measurements(
    artifact: &Artifact,
    folder: &str,
    pictures: &mut [crate::report::data::Picture],
    photo: impl Fn(&str) -> Option<usize>,
) -> Result<Metrics, ReportError> {
    let file: MetricsFile = json(artifact, "metrics.json")?;
    for m in file.images {
        let Some(file) = images::place(&m.file, folder) else { continue };
        let Some(p) = pictures.iter_mut().find(|p| p.file == file) else { continue };
        p.nearest_photo = m.nearest_photo.as_deref().and_then(&photo);
        p.nearest_similarity = m.nearest_similarity;
        p.baseline_nearest_similarity = m.baseline_nearest_similarity;
        p.baseline_rmse = m.baseline_rmse;
        p.baseline_ssim = m.baseline_ssim;
    }
    Ok(file.summary)
}

fn provenance(plan: &Plan) -> Vec<Setting> {
    let setting = |key: &str, value: String| Setting { key: key.to_owned(), value };
    let mut out = vec![setting("report written by", format!("runner {}", env!("CARGO_PKG_VERSION")))];
    for job in &plan.jobs {
        let inputs = job.inputs.key_inputs();
        if let Some(base) = inputs.text("model.base").filter(|b| !out.iter().any(|s| s.value == *b)) {
            out.push(setting("base model weights", base.to_owned()));
        }
    }
    for job in &plan.jobs {
        out.push(setting(&format!("{} {}", job.stage, job.label), job.key.as_str().to_owned()));
    }
    out
}

fn cost(plan: &Plan, job: &Job, state: &State) -> Option<Cost> {
    let State::Done(artifact) = state else { return None };
    let m = &artifact.manifest;
    Some(Cost {
        stage: job.stage,
        key: job.key.as_str().to_owned(),
        cells: job.cells.iter().filter_map(|c| plan.cells.get(*c)).map(|c| c.label.clone()).collect(),
        created: m.created.clone(),
        seconds: m.seconds,
        steps_per_second: steps_per_second(artifact),
        peak_memory_bytes: m.peak_memory_bytes,
        device: m.device.clone(),
        threads: m.threads,
        runner_version: m.runner_version.clone(),
    })
}

/// One over the median of the seconds a step; steps just after a restart are slow and do not count.
fn steps_per_second(artifact: &Artifact) -> Option<f64> {
    let table = Table::parse(&artifact.read(TimingRow::FILE).ok()?);
    let mut seconds: Vec<f64> = table.points("step", "seconds", |_| true).into_iter().map(|p| p.1).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).filter(|s| **s > 0.0).map(|s| 1.0 / s)
}

fn json<T: for<'d> Deserialize<'d>>(artifact: &Artifact, name: &str) -> Result<T, ReportError> {
    serde_json::from_slice(&artifact.read(name)?)
        .map_err(|e| ReportError::Content { path: artifact.dir.join(name), reason: e.to_string() })
}

#[derive(Deserialize)]
struct MetricsFile {
    images: Vec<ImageMetrics>,
    summary: Metrics,
}

#[derive(Deserialize)]
struct ImageMetrics {
    file: String,
    nearest_photo: Option<String>,
    nearest_similarity: Option<f64>,
    baseline_nearest_similarity: Option<f64>,
    baseline_rmse: Option<f64>,
    baseline_ssim: Option<f64>,
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::test_settings;
