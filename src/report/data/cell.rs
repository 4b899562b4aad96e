//! One cell of the grid.

use serde::{Deserialize, Serialize};

use super::csv_table::CsvTable;
use super::drawing::Drawing;
use super::likeness::Likeness;
use super::picture::{Picture, find};
use super::probes::Probes;
use super::problem::{Problem, ProblemKind};
use super::setting::Setting;
use crate::measures::record::Values;
use crate::records::images::Group;

/// One combination of the swept settings and what came out of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CellData {
    /// All assignments, e.g. `dataset.size=5`.
    pub label: String,
    /// Folder name of the cell inside the report.
    pub slug: String,
    /// The swept settings of this cell.
    pub assignments: Vec<Setting>,
    /// Optimizer steps asked for, until the checkpoint if the cell uses one.
    pub steps: usize,
    /// The step after which its adapter was kept; `None` is the last step.
    #[serde(default)]
    pub checkpoint: Option<usize>,
    /// Times each training photo is seen: steps × batch × accumulation / photos.
    pub epochs: f64,
    /// Seed of the training.
    pub train_seed: u64,
    /// Key of its training: cells with the same one share it.
    #[serde(default)]
    pub train_job: String,
    /// Key of its images: cells with the same one share them.
    #[serde(default)]
    pub image_job: String,
    /// Whether the training is finished.
    #[serde(default)]
    pub trained: bool,
    /// The largest number of photos of each kind that are measured.
    #[serde(default)]
    pub probe_photos: usize,
    /// Indices into `StudyData::photos`, in training order.
    pub train_photos: Vec<usize>,
    /// Indices into `StudyData::photos`.
    pub held_out_photos: Vec<usize>,
    /// `generate.prompts`, filled in.
    pub prompts: Vec<String>,
    /// `evaluate.drift_prompts`, filled in.
    pub drift_prompts: Vec<String>,
    /// `generate.seeds`.
    pub seeds: Vec<u64>,
    /// How its images are drawn.
    #[serde(default)]
    pub drawing: Drawing,
    /// Its swept settings as lines of an experiment file.
    #[serde(default)]
    pub toml: String,
    /// Index into `StudyData::baselines`.
    pub baseline: Option<usize>,
    /// Images with the adapter (`prompt` and `drift` groups).
    pub images: Vec<Picture>,
    /// The loss CSV as the training wrote it.
    pub loss: CsvTable,
    /// The probe CSV as the training wrote it.
    pub probe: CsvTable,
    /// The denoising losses of each photo at each timestep.
    #[serde(default)]
    pub probes: Probes,
    /// The words of the study: identifier, class, and name (which may be empty).
    #[serde(default)]
    pub words: [String; 3],
    /// The measured numbers; `None` until the evaluation is done.
    pub metrics: Option<Values>,
    /// What the likeness rests on; `None` until it is measured.
    #[serde(default)]
    pub likeness: Option<Likeness>,
    /// Adapter files, relative to the report.
    pub adapters: Vec<String>,
    /// Why something of this cell is missing, in stage order.
    pub problems: Vec<Problem>,
}

impl CellData {
    /// The prompts of a group.
    #[must_use]
    pub fn prompts_of(&self, group: Group) -> &[String] {
        match group {
            Group::Drift => &self.drift_prompts,
            _ => &self.prompts,
        }
    }

    /// The image of a group, prompt and seed.
    #[must_use]
    pub fn picture(&self, group: Group, prompt_index: usize, seed: u64) -> Option<&Picture> {
        find(&self.images, group, prompt_index, seed)
    }

    /// A measured number of the cell. Until the evaluation is done, the probe losses come from the curve.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        let value = match &self.metrics {
            Some(values) => values.get(name).copied(),
            None => self.probe_loss(name),
        };
        value.filter(|value| value.is_finite())
    }

    /// The first value of a probe curve, or the one after the last step.
    fn probe_loss(&self, name: &str) -> Option<f64> {
        let points = |split: &str| self.probe.probe(split).into_iter();
        match name.strip_prefix("baseline_probe_") {
            Some(split) => points(split).next(),
            None => points(name.strip_prefix("probe_")?).next_back().filter(|(step, _)| *step == self.steps as f64),
        }
        .map(|(_, loss)| loss)
    }

    /// How far it came, in a word: `done`, `failed`, `stopped` (by the race) or `not run`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self.problems.first() {
            None => "done",
            Some(problem) if problem.failed => "failed",
            Some(problem) if problem.kind() == ProblemKind::Raced => "stopped",
            Some(_) => "not run",
        }
    }

    /// How many images of the study's prompts there are, without those for drift.
    #[must_use]
    pub fn prompt_images(&self) -> usize {
        self.images.iter().filter(|p| p.group == Group::Prompt).count()
    }
}
