//! Made-up reports of any shape.

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, RgbImage, imageops};
use runner::records::images::Group;
use runner::report::data::{
    Axis, CellData, CsvTable, ImageSet, PhotoData, Picture, Problem, ReportFile, Setting, StudyData,
};
use runner::stage::Stage;
use runner::store::{FileEntry, StoredFile};

use crate::common::root;
use crate::real::empty;

/// The shape of a made-up study.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// What the title, the prompts and the names are; something harmless unless a test says otherwise.
    pub(crate) text: String,
    /// The sizes of the data set.
    pub(crate) sizes: Vec<usize>,
    /// The ranks; a single one is no axis.
    pub(crate) ranks: Vec<usize>,
    /// The steps after which adapters are kept; none is no axis.
    pub(crate) checkpoints: Vec<usize>,
    /// How many trainings each condition has.
    pub(crate) trainings: u64,
    /// How many prompts.
    pub(crate) prompts: usize,
    /// How many seeds of the noise.
    pub(crate) seeds: u64,
    /// Side of the images in pixels.
    pub(crate) side: u32,
    /// Whether the last condition failed.
    pub(crate) failed: bool,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            text: "a crayon boy".into(),
            sizes: vec![2, 4, 6],
            ranks: vec![4],
            checkpoints: Vec::new(),
            trainings: 1,
            prompts: 2,
            seeds: 2,
            side: 128,
            failed: false,
        }
    }
}

const PHOTOS: usize = 8;

impl Made {
    /// Writes the report into a folder of that name.
    pub(crate) fn write(&self, name: &str) -> PathBuf {
        let report = empty(name);
        let sources = tempfile::tempdir().unwrap();
        let mut data = self.data();
        data.files = self.files(&data, sources.path());
        runner::report::write(&data, &report, None).unwrap();
        report
    }

    /// The study, without its files.
    pub(crate) fn data(&self) -> StudyData {
        let axis = |key: &str, values: Vec<String>| Axis { key: key.into(), values };
        let texts = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>();
        let mut axes = vec![axis("dataset.size", texts(&self.sizes))];
        if self.ranks.len() > 1 {
            axes.push(axis("train.rank", texts(&self.ranks)));
        }
        if self.trainings > 1 {
            axes.push(axis("train.seed", (0..self.trainings).map(|seed| seed.to_string()).collect()));
        }
        if !self.checkpoints.is_empty() {
            axes.push(axis("generate.checkpoint", texts(&self.checkpoints)));
        }
        let mut cells = Vec::new();
        for &size in &self.sizes {
            for &rank in &self.ranks {
                for seed in 0..self.trainings {
                    cells.extend(self.kept().into_iter().map(|step| self.cell(size, rank, seed, step)));
                }
            }
        }
        if self.failed {
            let reason = format!("the loss is not finite at step 17 of {}", self.text);
            let last = cells.last_mut().unwrap();
            last.problems = vec![Problem { stage: Stage::Train, failed: true, reason }];
            (last.images, last.adapters, last.metrics, last.trained) = (vec![], vec![], None, false);
            (last.loss, last.probe) = Default::default();
        }
        let all: Vec<usize> = (0..cells.len()).collect();
        let mut base = self.images("baseline");
        base.extend((0..self.seeds).map(|seed| self.picture("baseline", Group::Baseline, 0, seed)));
        let class = (0..4).map(|seed| self.picture("class", Group::Class, 0, seed)).collect();
        StudyData {
            name: "made".into(),
            title: format!("How many photos does {} need?", self.text),
            file: "made.toml".into(),
            axes,
            fixed: [("model.base", "models/toyworld"), ("train.steps", "400"), ("generate.sampler", "dpm++2m")]
                .map(|(key, value)| setting(key, value))
                .into(),
            cells,
            baselines: vec![ImageSet { images: base, cells: all.clone(), ..ImageSet::default() }],
            class_images: vec![ImageSet { images: class, cells: all, ..ImageSet::default() }],
            photos: (0..PHOTOS).map(|index| self.photo(index)).collect(),
            provenance: vec![setting("base model", "9d1c0f2ab4")],
            settings_json: "{}".into(),
            ..StudyData::default()
        }
    }

    /// The steps after which a training's adapters are used; `None` is the last.
    fn kept(&self) -> Vec<Option<usize>> {
        if self.checkpoints.is_empty() { vec![None] } else { self.checkpoints.iter().copied().map(Some).collect() }
    }

    fn prompt(&self, index: usize) -> String {
        format!("{} on the beach, number {index}", self.text)
    }

    fn photo(&self, index: usize) -> PhotoData {
        PhotoData {
            hash: format!("{index:016x}"),
            name: format!("{} {index}.jpg", self.text),
            file: Some(format!("photos/{index:02}.png")),
            width: self.side,
            height: self.side,
            caption: (index == 1).then(|| self.text.clone()),
        }
    }

    fn picture(&self, folder: &str, group: Group, index: usize, seed: u64) -> Picture {
        let prefix = match group {
            Group::Baseline => "name_",
            Group::Drift => "drift_",
            Group::Prompt | Group::Class => "",
        };
        Picture {
            file: format!("images/{folder}/{prefix}p{index:02}_s{seed}.jpg"),
            width: self.side,
            height: self.side,
            prompt: self.prompt(index),
            prompt_index: index,
            seed,
            group,
            ..Picture::default()
        }
    }

    fn images(&self, folder: &str) -> Vec<Picture> {
        let seeds = || 0..self.seeds;
        let mut all: Vec<Picture> = (0..self.prompts)
            .flat_map(|index| seeds().map(move |seed| (index, seed)))
            .map(|(index, seed)| self.picture(folder, Group::Prompt, index, seed))
            .collect();
        all.extend(seeds().map(|seed| self.picture(folder, Group::Drift, 0, seed)));
        all
    }

    fn cell(&self, size: usize, rank: usize, seed: u64, step: Option<usize>) -> CellData {
        let mut assignments = vec![("dataset.size", size.to_string())];
        if self.ranks.len() > 1 {
            assignments.push(("train.rank", rank.to_string()));
        }
        if self.trainings > 1 {
            assignments.push(("train.seed", seed.to_string()));
        }
        let training: Vec<String> = assignments.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assignments.extend(step.map(|step| ("generate.checkpoint", step.to_string())));
        let label: Vec<String> = assignments.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let slug = label.join("_");
        let mut images = self.images(&slug);
        for (index, image) in images.iter_mut().enumerate() {
            image.nearest_photo = Some(index % size);
            let numbers = [("nearest_similarity", 0.8), ("baseline_rmse", 0.1), ("baseline_ssim", 0.6)];
            image.values = numbers.map(|(name, value)| (name.to_owned(), value - 0.001 * index as f64)).into();
        }
        let last = 0.3 - 0.01 * size as f64 + 0.002 * seed as f64 - 0.0001 * rank as f64;
        let metrics = [
            ("probe_train", last - 0.05),
            ("probe_held_out", last),
            ("probe_class", 0.21),
            ("baseline_probe_train", 0.32),
            ("baseline_probe_held_out", 0.31),
            ("baseline_probe_class", 0.2),
            ("drift_rmse", 0.05),
            ("mean_nearest_similarity", 0.7),
            ("max_nearest_similarity", 0.8),
            ("baseline_nearest_similarity", 0.4),
            ("mean_baseline_rmse", 0.12),
            ("photo_similarity", 0.66),
            ("held_out_similarity", 0.72),
            ("variety", 0.2),
            ("baseline_variety", 0.25),
        ];
        CellData {
            label: label.join(" "),
            slug: slug.clone(),
            assignments: assignments.iter().map(|(key, value)| setting(key, value)).collect(),
            steps: step.unwrap_or(400),
            checkpoint: step,
            epochs: 400.0 / size as f64,
            train_seed: seed,
            train_job: training.join("_"),
            image_job: slug.clone(),
            trained: true,
            probe_photos: 10,
            train_photos: (0..size.min(PHOTOS - 2)).collect(),
            held_out_photos: vec![PHOTOS - 2, PHOTOS - 1],
            prompts: (0..self.prompts).map(|index| self.prompt(index)).collect(),
            drift_prompts: vec![self.prompt(0)],
            seeds: (0..self.seeds).collect(),
            baseline: Some(0),
            images,
            loss: loss(size),
            probe: probe(last),
            words: ["aawxbc".into(), "figurine".into(), self.text.clone()],
            metrics: Some(metrics.map(|(name, value)| (name.to_owned(), value)).into()),
            adapters: vec![format!("adapters/{slug}/pytorch_lora_weights.safetensors")],
            ..CellData::default()
        }
    }

    /// The sample photos in place of all images, and a few bytes in place of the adapters.
    fn files(&self, data: &StudyData, sources: &Path) -> Vec<ReportFile> {
        let sample = |index: usize| {
            let photo = image::open(root().join(format!("experiments/data/shinchan/{index:02}.jpg"))).unwrap();
            imageops::resize(&photo.to_rgb8(), self.side, self.side, imageops::FilterType::Triangle)
        };
        let stored = |path: PathBuf| {
            let entry = FileEntry::of(&fs::read(&path).unwrap());
            StoredFile { path, entry }
        };
        let save = |picture: &RgbImage, name: String| {
            let path = sources.join(name);
            DynamicImage::from(picture.clone()).save(&path).unwrap();
            stored(path)
        };
        let pictures: Vec<StoredFile> = (0..6).map(|index| save(&sample(index), format!("{index}.jpg"))).collect();
        let adapter = sources.join("adapter");
        fs::write(&adapter, "not a real adapter").unwrap();
        let adapter = stored(adapter);
        let sets = data.baselines.iter().chain(&data.class_images).flat_map(|set| &set.images);
        let images = data.cells.iter().flat_map(|cell| &cell.images).chain(sets).map(|image| image.file.clone());
        let photos = data.photos.iter().filter_map(|photo| photo.file.clone());
        let all = images.chain(photos).enumerate();
        let mut files: Vec<ReportFile> =
            all.map(|(index, to)| ReportFile { to, from: pictures[index % pictures.len()].clone() }).collect();
        let adapters = data.cells.iter().flat_map(|cell| cell.adapters.clone());
        files.extend(adapters.map(|to| ReportFile { to, from: adapter.clone() }));
        files
    }
}

fn setting(key: &str, value: &str) -> Setting {
    Setting { key: key.into(), value: value.into() }
}

/// A falling loss with a little of noise.
fn loss(size: usize) -> CsvTable {
    let mut text = "step,epoch,loss,instance_loss,prior_loss,learning_rate,grad_norm\n".to_owned();
    for step in 1..=400_u32 {
        let noise = f64::from(step.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        let loss = (0.12 + 0.15 * (-f64::from(step) / 120.0).exp()) * (0.3 + 1.4 * noise);
        text.push_str(&format!("{step},{},{loss:.6},{loss:.6},,0.0001,0.5\n", step / size as u32));
    }
    CsvTable::parse(text.as_bytes())
}

fn probe(last: f64) -> CsvTable {
    let mut text = "step,split,loss\n".to_owned();
    for step in (0..=400).step_by(50) {
        let done = f64::from(step) / 400.0;
        text.push_str(&format!("{step},train,{:.6}\n", 0.32 - (0.37 - last) * done));
        text.push_str(&format!("{step},held_out,{:.6}\n", 0.31 - (0.31 - last) * done));
    }
    CsvTable::parse(text.as_bytes())
}
