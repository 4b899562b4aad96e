//! What a report shows, as plain data: everything the writers need, nothing they have to look up.
//!
//! `collect` makes it from the plan and the store; tests make it by hand. Nothing in here depends on
//! the clock except [`Cost`], which only `cost.html` and `cost.csv` show.

pub use crate::records::images::Group;
use serde::{Deserialize, Serialize};

use crate::stage::Stage;
use crate::store::StoredFile;

/// One study, as its report shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StudyData {
    /// The experiment's name; names the report folder.
    pub name: String,
    /// The question, as the user put it.
    pub title: String,
    /// What is swept, in file order.
    pub axes: Vec<Axis>,
    /// Settings that are the same in every cell.
    pub fixed: Vec<Setting>,
    /// Settings that are not swept but follow a swept one, e.g. `alpha` the rank.
    pub derived: Vec<Axis>,
    /// The grid, in plan order.
    pub cells: Vec<CellData>,
    /// Images of the base model; most studies have one set that all cells share.
    pub baselines: Vec<ImageSet>,
    /// Class images for prior preservation; none when prior preservation is off.
    pub class_images: Vec<ImageSet>,
    /// Every photo any cell trains on or holds out.
    pub photos: Vec<PhotoData>,
    /// Files of the photo folders that are not used.
    pub skipped: Vec<SkippedFile>,
    /// What the user should know before trusting the results, each a plain sentence.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Where the result comes from: hashes, keys, versions; nothing that changes from run to run.
    pub provenance: Vec<Setting>,
    /// The resolved settings of every cell as ASCII JSON; embedded in `grid.png`.
    pub settings_json: String,
    /// Files copied into the report.
    pub files: Vec<ReportFile>,
    /// Wall-clock values, one entry a stored artifact.
    pub costs: Vec<Cost>,
}

/// One swept setting with its values in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// The setting's dotted name, e.g. `dataset.size`.
    pub key: String,
    /// Its values as text, in file order.
    pub values: Vec<String>,
}

/// A setting or fact with its value as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Dotted name.
    pub key: String,
    /// Value as text.
    pub value: String,
}

/// One combination of the swept settings and what came out of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CellData {
    /// All assignments, e.g. `dataset.size=5`.
    pub label: String,
    /// Folder name of the cell inside the report.
    pub slug: String,
    /// The swept settings of this cell.
    pub assignments: Vec<Setting>,
    /// Optimizer steps asked for.
    pub steps: usize,
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
    /// At most so many photos of each kind are measured.
    #[serde(default)]
    pub probe_photos: usize,
    /// Indices into [`StudyData::photos`], in training order.
    pub train_photos: Vec<usize>,
    /// Indices into [`StudyData::photos`].
    pub held_out_photos: Vec<usize>,
    /// `generate.prompts`, filled in.
    pub prompts: Vec<String>,
    /// `evaluate.drift_prompts`, filled in.
    pub drift_prompts: Vec<String>,
    /// `generate.seeds`.
    pub seeds: Vec<u64>,
    /// Index into [`StudyData::baselines`].
    pub baseline: Option<usize>,
    /// Images with the adapter (`prompt` and `drift` groups).
    pub images: Vec<Picture>,
    /// The loss CSV as the training wrote it.
    pub loss: Table,
    /// The probe CSV as the training wrote it.
    pub probe: Table,
    /// The measurements; `None` until the evaluation is done.
    pub metrics: Option<Metrics>,
    /// Adapter files, relative to the report.
    pub adapters: Vec<String>,
    /// Why something of this cell is missing, in stage order.
    pub problems: Vec<Problem>,
}

/// A set of images made by the base model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageSet {
    /// What distinguishes it from other sets of its kind; empty when there is only one.
    pub label: String,
    /// The images.
    pub images: Vec<Picture>,
    /// Indices of the cells that share it.
    pub cells: Vec<usize>,
    /// Why it is missing.
    pub problem: Option<Problem>,
}

/// One generated image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// PNG, relative to the report, forward slashes.
    pub file: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Prompt as given to the text encoder.
    pub prompt: String,
    /// Position of the prompt in its group's list; rows of different cells are matched by it.
    pub prompt_index: usize,
    /// Seed of the starting noise.
    pub seed: u64,
    /// Which list of prompts it belongs to.
    pub group: Group,
    /// Most similar training photo; index into [`StudyData::photos`].
    pub nearest_photo: Option<usize>,
    /// Similarity to that photo, at most 1.
    pub nearest_similarity: Option<f64>,
    /// What the base model's image on the same noise reaches.
    pub baseline_nearest_similarity: Option<f64>,
    /// Root mean square difference to the base model's image on the same noise, 0 to 1.
    pub baseline_rmse: Option<f64>,
    /// Structural similarity to the base model's image on the same noise, at most 1.
    pub baseline_ssim: Option<f64>,
}

/// One photo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhotoData {
    /// First 16 hex digits of the blake3 hash of the user's file.
    pub hash: String,
    /// File name relative to the photo folder.
    pub name: String,
    /// The square crop that was trained on, relative to the report; `None` until it is prepared.
    pub file: Option<String>,
    /// Pixels of the crop.
    pub width: u32,
    /// Pixels of the crop.
    pub height: u32,
    /// Sidecar caption.
    pub caption: Option<String>,
}

/// A file of a photo folder that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// File name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// The numbers of the evaluate stage; each is absent until something measures it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Denoising loss on training photos after training.
    pub probe_train: Option<f64>,
    /// Denoising loss on photos no cell trained on, after training.
    pub probe_held_out: Option<f64>,
    /// Denoising loss on class images after training.
    pub probe_class: Option<f64>,
    /// The base model's denoising loss on the same training photos.
    pub baseline_probe_train: Option<f64>,
    /// The base model's denoising loss on the held-out photos.
    pub baseline_probe_held_out: Option<f64>,
    /// The base model's denoising loss on class images.
    pub baseline_probe_class: Option<f64>,
    /// Mean RMSE between drift images with and without the adapter, 0 to 1.
    pub drift_rmse: Option<f64>,
    /// Mean over images of the similarity to the nearest training photo.
    pub mean_nearest_similarity: Option<f64>,
    /// Largest similarity of an image to a training photo.
    pub max_nearest_similarity: Option<f64>,
    /// The same mean for the base model's images on the same noise.
    pub baseline_nearest_similarity: Option<f64>,
    /// Mean RMSE to the base model's images on the same noise, 0 to 1.
    pub mean_baseline_rmse: Option<f64>,
    /// Photos among themselves: mean over training photos of the similarity to the nearest other one.
    pub photo_similarity: Option<f64>,
    /// The fairer real-vs-real ceiling: mean over held-out photos of the similarity to the nearest
    /// training photo.
    pub held_out_similarity: Option<f64>,
}

/// Why something is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The stage that did not deliver.
    pub stage: Stage,
    /// `true`: it was tried and failed; `false`: it has not been run.
    pub failed: bool,
    /// One or two sentences.
    pub reason: String,
}

/// A file copied from the store into the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFile {
    /// Relative to the report, forward slashes.
    pub to: String,
    /// In the store.
    pub from: StoredFile,
}

/// What one stored artifact cost; the only data that differ between two identical runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Kind of work.
    pub stage: Stage,
    /// Key of the artifact.
    pub key: String,
    /// Labels of the cells that use it.
    pub cells: Vec<String>,
    /// When it was committed, RFC 3339.
    pub created: String,
    /// Wall-clock seconds of work.
    pub seconds: f64,
    /// Training steps a second (median), when the stage counts steps.
    pub steps_per_second: Option<f64>,
    /// Largest resident memory of the process.
    pub peak_memory_bytes: Option<u64>,
    /// Where tensors lived.
    pub device: String,
    /// Worker threads.
    pub threads: usize,
    /// Version of the program that made it.
    pub runner_version: String,
}

/// A CSV table, kept as its text so that nothing is lost or rounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows; each has as many fields as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads CSV text; a row with another number of fields (a torn last line) is left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let columns: Vec<String> = reader.headers().map(|h| h.iter().map(str::to_owned).collect()).unwrap_or_default();
        let rows = reader
            .records()
            .filter_map(Result::ok)
            .map(|r| r.iter().map(str::to_owned).collect::<Vec<_>>())
            .filter(|r| r.len() == columns.len())
            .collect();
        Self { columns, rows }
    }

    /// The fields of `row` in the column of that name; `None` when there is no such column.
    #[must_use]
    pub fn field<'t>(&self, row: &'t [String], column: &str) -> Option<&'t str> {
        let i = self.columns.iter().position(|c| c == column)?;
        row.get(i).map(String::as_str)
    }

    /// `(x, y)` of every row where both columns hold finite numbers and `keep` says so.
    #[must_use]
    pub fn points(&self, x: &str, y: &str, keep: impl Fn(&[String]) -> bool) -> Vec<(f64, f64)> {
        let number = |row: &[String], c: &str| self.field(row, c)?.parse::<f64>().ok().filter(|v| v.is_finite());
        self.rows.iter().filter(|r| keep(r)).filter_map(|r| Some((number(r, x)?, number(r, y)?))).collect()
    }

    /// The probe curve of one split: `(step, loss)`.
    #[must_use]
    pub fn probe(&self, split: &str) -> Vec<(f64, f64)> {
        self.points("step", "loss", |row| self.field(row, "split") == Some(split))
    }
}

impl StudyData {
    /// How many cells have everything.
    #[must_use]
    pub fn complete_cells(&self) -> usize {
        self.cells.iter().filter(|c| c.problems.is_empty()).count()
    }

    /// The base model's pictures for a cell.
    #[must_use]
    pub fn baseline_of(&self, cell: &CellData) -> Option<&ImageSet> {
        self.baselines.get(cell.baseline?)
    }
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
}

/// The image of a group, prompt and seed among `pictures`.
#[must_use]
pub fn find(pictures: &[Picture], group: Group, prompt_index: usize, seed: u64) -> Option<&Picture> {
    pictures.iter().find(|p| p.group == group && p.prompt_index == prompt_index && p.seed == seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_last_line_is_left_out() {
        let t = Table::parse(b"step,split,loss\n0,train,0.5\n0,held_out,0.6\n50,tra");
        assert_eq!(t.rows.len(), 2);
        assert_eq!(t.probe("held_out"), [(0.0, 0.6)]);
    }

    #[test]
    fn rows_without_a_number_are_not_points() {
        let t = Table::parse(b"step,loss\n1,NaN\n2,\n3,0.25\n");
        assert_eq!(t.points("step", "loss", |_| true), [(3.0, 0.25)]);
        assert_eq!(t.points("step", "nothing", |_| true), []);
    }
}
