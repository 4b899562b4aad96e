//! One cell: its curves, adapters, images and numbers.

use crate::measures::record::{self, Metrics, Values};
use crate::measures::table::copying::NEAREST_PHOTO;
use crate::plan::Cell;
use crate::records::adapters;
use crate::records::rows::{LossRow, ProbeRow, Row as _};
use crate::report::data::{CellData, CsvTable, Picture, ReportFile};
use crate::report::error::ReportError;
use crate::stage::Stage;
use crate::store::Artifact;

use super::collector::{Collector, json};
use super::{drawing, images, probes, settings, unfinished};

impl Collector<'_> {
    /// Everything of one cell.
    pub(super) fn cell(&mut self, cell: &Cell) -> Result<CellData, ReportError> {
        let s = &cell.settings;
        let steps = s.generate.checkpoint.unwrap_or(s.train.recipe.steps);
        let seen = (steps * s.train.recipe.batch_size * s.train.recipe.gradient_accumulation) as f64;
        let mut out = CellData {
            label: cell.label.clone(),
            slug: cell.slug.clone(),
            assignments: settings::assignments(cell),
            steps,
            checkpoint: s.generate.checkpoint,
            epochs: seen / cell.train_photos.len().max(1) as f64,
            train_seed: s.train.recipe.seed,
            train_job: self.key(cell, Stage::Train),
            image_job: self.key(cell, Stage::Generate),
            trained: self.of_cell(cell, Stage::Train).is_some(),
            probe_photos: s.evaluate.probe.probe_photos,
            prompts: s.generate.images.prompts.clone(),
            drift_prompts: s.evaluate.drift_prompts.clone(),
            seeds: s.generate.images.seeds.clone(),
            probes: self.probes(cell)?,
            words: [&s.subject.identifier, &s.subject.class, &s.subject.name].map(String::clone),
            drawing: drawing::drawing(s),
            toml: drawing::toml(cell),
            problems: self.problems(cell),
            ..CellData::default()
        };
        let prepare = cell.jobs.one(Stage::Prepare).copied();
        out.train_photos = self.photos(prepare, s.dataset.resolution, &cell.train_photos)?;
        out.held_out_photos = self.photos(prepare, s.dataset.resolution, &cell.held_out_photos)?;
        self.training(cell, &mut out)?;
        if let Some(artifact) = self.of_cell(cell, Stage::Generate) {
            let (pictures, files) = images::read(artifact, &cell.slug)?;
            out.images = pictures;
            self.data.files.extend(files);
        }
        if let Some(artifact) = self.of_cell(cell, Stage::Evaluate) {
            let mut metrics = measurements(artifact, &cell.slug, &mut out.images, &out.train_photos)?;
            metrics.extend(probes::measures(&out.probes));
            // The training measured the class at full strength and at its end only.
            if s.generate.lora_scale != 1.0 || s.generate.checkpoint.is_some() {
                metrics.remove("probe_class");
            }
            out.metrics = Some(metrics);
        }
        self.collected(cell, &mut out)?;
        Ok(out)
    }

    /// Curves and adapters.
    fn training(&mut self, cell: &Cell, out: &mut CellData) -> Result<(), ReportError> {
        let Some(artifact) = self.of_cell(cell, Stage::Train) else { return self.training_so_far(cell, out) };
        let table = |name: &str| match artifact.manifest.files.contains_key(name) {
            true => artifact.read(name).map(|bytes| CsvTable::parse(&bytes)),
            false => Ok(CsvTable::default()),
        };
        out.loss = table(LossRow::FILE)?;
        out.probe = table(ProbeRow::FILE)?;
        if let Some(step) = out.checkpoint {
            // The cell speaks of the training until this step.
            for table in [&mut out.loss, &mut out.probe] {
                table.keep_steps(step);
            }
        }
        let names = match out.checkpoint {
            Some(step) => vec![adapters::of_step(Some(step))],
            None => adapters::ALL.map(str::to_owned).to_vec(),
        };
        let mut files = Vec::new();
        for name in names.into_iter().filter(|name| artifact.manifest.files.contains_key(name)) {
            let file = name.rsplit('/').next().unwrap_or(&name);
            let to = format!("adapters/{}/{file}", cell.slug);
            files.push(ReportFile { to: to.clone(), from: artifact.file(&name)? });
            out.adapters.push(to);
        }
        self.data.files.extend(files);
        Ok(())
    }

    /// The curves of a training that is not done.
    fn training_so_far(&self, cell: &Cell, out: &mut CellData) -> Result<(), ReportError> {
        let Some(job) = cell.jobs.one(Stage::Train).map(|job| &self.plan.jobs[*job]) else { return Ok(()) };
        out.loss = unfinished::so_far::<LossRow>(job, self.store)?;
        out.probe = unfinished::so_far::<ProbeRow>(job, self.store)?;
        for table in [&mut out.loss, &mut out.probe] {
            table.keep_steps(out.steps);
        }
        Ok(())
    }
}

/// The numbers of a cell; those of single images go to `pictures`. `photos` are its training photos.
fn measurements(
    artifact: &Artifact,
    folder: &str,
    pictures: &mut [Picture],
    photos: &[usize],
) -> Result<Values, ReportError> {
    let file: Metrics = json(artifact, record::FILE)?;
    if file.version != record::VERSION {
        let reason = format!("it has version {}, and this program reads version {}", file.version, record::VERSION);
        return Err(ReportError::Content { path: artifact.dir.join(record::FILE), reason });
    }
    for image in file.images {
        let Some(place) = images::place(&image.file, folder) else { continue };
        let Some(picture) = pictures.iter_mut().find(|p| p.file == place) else { continue };
        picture.nearest_photo = NEAREST_PHOTO.value(&image.values).and_then(|i| photos.get(i as usize)).copied();
        picture.values = image.values;
    }
    Ok(file.summary)
}
