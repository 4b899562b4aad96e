//! Measures of features: from the artifacts of an encoder to numbers of images and of a cell.

use std::rc::Rc;

use super::collector::Collector;
use crate::choice::Purpose;
use crate::experiment::settings::{EncoderChoice, Subject};
use crate::measures::features::{FeatureCell, FeatureImage, PhotoFeatures, Shows};
use crate::measures::record::Values;
use crate::measures::{CellNumbers, collected, table::identity};
use crate::plan::Cell;
use crate::records::features::{FILE, FeatureSet, TENSORS};
use crate::records::images::{Group, ImageName};
use crate::records::photos::crop_file;
use crate::report::data::{CellData, Likeness, Picture, ReportFile};
use crate::report::error::ReportError;
use crate::stage::{Features, Inputs, Key, Stage, has_word};

/// The features of one encoder that a cell is measured with.
struct OfEncoder {
    photos: Option<Rc<FeatureSet>>,
    baseline: Option<Rc<FeatureSet>>,
    /// The base model's images of prompts with the class word.
    class_words: Option<Rc<FeatureSet>>,
    images: Option<Rc<FeatureSet>>,
}

impl Collector<'_> {
    /// Adds the measures that need encoders, and those that compare groups of prompts, to a cell that is measured.
    pub(super) fn collected(&mut self, cell: &Cell, out: &mut CellData) -> Result<(), ReportError> {
        let Some(mut metrics) = out.metrics.take() else { return Ok(()) };
        let subject = &cell.settings.subject;
        let numbers =
            out.images.iter().map(|picture| (shows(picture.group, &picture.prompt, subject), &picture.values));
        metrics.extend(collected::cell_numbers(&CellNumbers { images: numbers.collect() }));
        for purpose in [Purpose::Identity, Purpose::Prompt] {
            let encoders = cell.settings.evaluate.encoders.iter().filter(|encoder| encoder.is_for(purpose));
            for (index, encoder) in encoders.enumerate() {
                let sets = self.sets_of(cell, encoder)?;
                // The first encoder for a purpose is the one that the report goes by.
                let suffix = if index == 0 { String::new() } else { format!("@{}", encoder.name) };
                let Some(values) = self.measure(cell, &sets, purpose, &mut out.images, &suffix) else { continue };
                if purpose == Purpose::Identity && index == 0 {
                    let blind = identity::RANGE_LOW.value(&values).map(|low| low <= 0.0);
                    let (encoder, held_out) = (encoder.name.clone(), cell.held_out_photos.len());
                    out.likeness = Some(Likeness { encoder, held_out, blind });
                }
                metrics.extend(named(values, &suffix));
            }
        }
        out.metrics = Some(metrics);
        Ok(())
    }

    /// Measures one cell with one encoder; the numbers of images go to `pictures`. `None` until everything is there
    /// that the purpose needs.
    fn measure(
        &self,
        cell: &Cell,
        sets: &OfEncoder,
        purpose: Purpose,
        pictures: &mut [Picture],
        suffix: &str,
    ) -> Option<Values> {
        let (images, baseline) = (sets.images.as_deref()?, sets.baseline.as_deref()?);
        if purpose == Purpose::Identity && sets.photos.is_none() {
            return None;
        }
        let photos = |hashes: &[String]| -> Vec<PhotoFeatures<'_>> {
            let Some(set) = sets.photos.as_deref() else { return Vec::new() };
            let photo = |hash: &String| {
                let file = crop_file(hash);
                let masked = set.masked.get(&file).map(Vec::as_slice);
                Some(PhotoFeatures { plain: set.images.get(&file)?, mirrored: set.mirrored.get(&file)?, masked })
            };
            hashes.iter().filter_map(photo).collect()
        };
        let floor = sets.class_words.as_deref().unwrap_or(baseline);
        let mut measured = FeatureCell {
            train: photos(&cell.train_photos),
            held_out: photos(&cell.held_out_photos),
            largest: photos(self.largest(cell)),
            images: Vec::new(),
            by_name: of_group(baseline, Group::Baseline),
        };
        let mut files = Vec::new();
        for (index, picture) in pictures.iter().enumerate() {
            let name = ImageName { group: picture.group, prompt_index: picture.prompt_index, seed: picture.seed };
            let file = name.file();
            let Some(image) = images.images.get(&file) else { continue };
            let shows = shows(picture.group, &picture.prompt, &cell.settings.subject);
            let base = baseline.images.get(&file).map(Vec::as_slice);
            let (floor, text) = match shows {
                Shows::Subject => (floor.images.get(&file), baseline.texts.get(picture.prompt_index)),
                Shows::Class | Shows::Other => (None, None),
            };
            let (floor, text) = (floor.map(Vec::as_slice), text.map(Vec::as_slice));
            measured.images.push(FeatureImage { shows, prompt: picture.prompt_index, image, base, floor, text });
            files.push(index);
        }
        for (index, image) in files.into_iter().zip(&measured.images) {
            let values = collected::image_features(&measured, image, purpose);
            pictures[index].values.extend(named(values, suffix));
        }
        Some(collected::cell_features(&measured, purpose))
    }

    /// The training photos of the largest size among the cells with the same held-out photos.
    fn largest(&self, cell: &Cell) -> &[String] {
        let same = self.plan.cells.iter().filter(|other| other.held_out_photos == cell.held_out_photos);
        same.map(|other| other.train_photos.as_slice()).max_by_key(|photos| photos.len()).unwrap_or_default()
    }

    /// The features of an encoder that are in the store.
    fn sets_of(&mut self, cell: &Cell, encoder: &EncoderChoice) -> Result<OfEncoder, ReportError> {
        let jobs = cell.jobs.all(Stage::Features).iter();
        let jobs = jobs.filter_map(|&job| match &self.plan.jobs[job].inputs {
            Inputs::Features(inputs) if inputs.name == encoder.name => Some((job, inputs)),
            _ => None,
        });
        let jobs: Vec<(usize, &Features)> = jobs.collect();
        let baselines = cell.jobs.all(Stage::Baseline);
        let floor = baselines.get(1).map(|floor| &self.plan.jobs[*floor].key);
        let mut find = |of: Stage, is_floor: bool| {
            let wanted = |inputs: &Features| inputs.of == of && (Some(&inputs.source) == floor) == is_floor;
            match jobs.iter().find(|(_, inputs)| wanted(inputs)) {
                Some((job, _)) => self.feature_set(*job),
                None => Ok(None),
            }
        };
        Ok(OfEncoder {
            photos: find(Stage::Prepare, false)?,
            baseline: find(Stage::Baseline, false)?,
            class_words: find(Stage::Baseline, true)?,
            images: find(Stage::Generate, false)?,
        })
    }

    /// The content of an artifact, read once.
    fn feature_set(&mut self, job: usize) -> Result<Option<Rc<FeatureSet>>, ReportError> {
        if let Some(known) = self.features.get(&job) {
            return Ok(Some(known.clone()));
        }
        let Some(artifact) = self.artifact(job) else { return Ok(None) };
        let set = FeatureSet::parse(&artifact.read(FILE)?, &artifact.read(TENSORS)?)
            .map_err(|reason| ReportError::Content { path: artifact.dir.clone(), reason })?;
        let folder = self.folder_of(job);
        for name in [FILE, TENSORS] {
            let extension = name.rsplit('.').next().unwrap_or_default();
            self.data.files.push(ReportFile { to: format!("{folder}.{extension}"), from: artifact.file(name)? });
        }
        let set = Rc::new(set);
        self.features.insert(job, set.clone());
        Ok(Some(set))
    }

    /// Where features go in the report, so that every number can be computed again: `features/dino/photos`, without the
    /// extension. A study with several jobs of a kind numbers them.
    fn folder_of(&self, job: usize) -> String {
        let job = &self.plan.jobs[job];
        let Inputs::Features(inputs) = &job.inputs else { return String::new() };
        let first = job.cells.first().map(|cell| &self.plan.cells[*cell]);
        let what = match inputs.of {
            Stage::Prepare => "photos",
            Stage::Baseline if inputs.texts.is_none() && self.is_floor(&inputs.source) => "class-words",
            Stage::Baseline => "baseline",
            _ => first.map_or("images", |cell| cell.slug.as_str()),
        };
        let name = |number: usize| match number {
            1 => format!("features/{}/{what}", inputs.name),
            number => format!("features/{}/{what}-{number}", inputs.name),
        };
        let is_free = |name: &String| !self.data.files.iter().any(|file| file.to == format!("{name}.json"));
        (1..).map(name).find(is_free).unwrap_or_default()
    }

    /// Whether it is the key of base model's images of prompts with the class word.
    fn is_floor(&self, source: &Key) -> bool {
        let floors = self.plan.cells.iter().filter_map(|cell| cell.jobs.all(Stage::Baseline).get(1));
        floors.into_iter().any(|floor| self.plan.jobs[*floor].key == *source)
    }
}

/// The features of the images of a group, in the order of their files.
fn of_group(set: &FeatureSet, group: Group) -> Vec<&[f32]> {
    let is_of_group = |file: &str| ImageName::parse(file).is_some_and(|name| name.group == group);
    set.images.iter().filter(|(file, _)| is_of_group(file)).map(|(_, feature)| feature.as_slice()).collect()
}

/// What the prompt of an image asks for.
fn shows(group: Group, prompt: &str, subject: &Subject) -> Shows {
    match group {
        Group::Drift if has_word(prompt, &subject.class) => Shows::Class,
        Group::Drift | Group::Class | Group::Baseline => Shows::Other,
        Group::Prompt => Shows::Subject,
    }
}

/// The values with the encoder's name behind theirs, if it is not the first for its purpose.
fn named(values: Values, suffix: &str) -> impl Iterator<Item = (String, f64)> + '_ {
    values.into_iter().map(move |(name, value)| (name + suffix, value))
}
