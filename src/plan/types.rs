//! What a plan consists of.

use crate::{
    experiment::Settings,
    stage::Stage,
    store::{Key, KeyInputs},
};
use std::collections::BTreeMap;

/// Everything a study will do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Name of the study and of its report folder.
    pub name: String,
    /// Title of the report.
    pub title: String,
    /// The combinations, in grid order.
    pub cells: Vec<Cell>,
    /// The pieces of work, each once: a job stands after the jobs it needs, in the order cells need them.
    pub jobs: Vec<Job>,
    /// What the photos are called, by content hash; for messages only.
    pub photo_names: BTreeMap<String, String>,
    /// What the user should know before trusting the results, each a plain sentence; told by plan, run and report.
    pub notices: Vec<String>,
}

/// One combination of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What people call it, e.g. `dataset.size=5`.
    pub label: String,
    /// Safe as a folder name.
    pub slug: String,
    /// The settings it differs in, by dotted name.
    pub assignments: Vec<(String, toml::Value)>,
    /// All its settings.
    pub settings: Settings,
    /// Content hashes of the photos it trains on, in order.
    pub train_photos: Vec<String>,
    /// Content hashes of the photos no cell trains on, in order.
    pub held_out_photos: Vec<String>,
    /// Its jobs, as indices into [`Plan::jobs`].
    pub jobs: BTreeMap<Stage, usize>,
}

/// One piece of work, shared by all cells that need the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Which kind of work.
    pub stage: Stage,
    /// Key of its inputs.
    pub key: Key,
    /// Everything its result depends on.
    pub inputs: KeyInputs,
    /// Settings of the first cell that needs it.
    pub settings: Settings,
    /// The photos it works on.
    pub photos: JobPhotos,
    /// Indices of the jobs whose results it reads, all smaller than its own.
    pub needs: Vec<usize>,
    /// Indices of the cells that need it.
    pub cells: Vec<usize>,
    /// What people call it: the cell's label, `all cells`, or what its cells have in common.
    pub label: String,
}

/// Content hashes of the photos of a job, in order. `prepare` has all that were found in `train`; `baseline`,
/// `class_images` and `generate` have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobPhotos {
    /// Trained on.
    pub train: Vec<String>,
    /// Held out.
    pub held_out: Vec<String>,
}
