//! Measurements on photos, baseline and generated images.

use serde::Serialize;

use super::about::About;
use super::cell::{CellFacts, Keys, hashes};
use super::key::Key;
use super::name::Stage;
use crate::measures::table;

/// What the stage says about itself.
pub(super) const ABOUT: About = About {
    version: 3,
    noun: "the measurements",
    made_again: "measured again",
    needs: &[Stage::Prepare, Stage::Baseline, Stage::ClassImages, Stage::Train, Stage::Generate],
    work: |_| Some(1.0),
    written: |_| Some(1.0),
};

/// What the result depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluate {
    /// Kind of device.
    pub device: String,
    /// The names of all measures that the stage computes: a new one makes the numbers again, which costs little and
    /// needs no model.
    pub measures: Vec<&'static str>,
    /// The base model's images.
    pub baseline: Key,
    /// The training of the adapter.
    pub train: Key,
    /// The adapter's images.
    pub generate: Key,
    /// The step of the training after which the losses count; `None` is the last one. `generate` determines it.
    #[serde(skip)]
    pub checkpoint: Option<usize>,
    /// Content hashes of the photos that were trained on, in order; `train` determines them.
    #[serde(skip)]
    pub photos: Vec<String>,
    /// Content hashes of the photos that were held out, in order; `train` determines them.
    #[serde(skip)]
    pub held_out: Vec<String>,
}

impl Evaluate {
    /// `None` without images to measure.
    pub(super) fn new(cell: &CellFacts<'_>, keys: &Keys) -> Option<Self> {
        let key = |stage| keys.one(stage).cloned();
        Some(Self {
            device: cell.device_class.to_owned(),
            measures: table::of_pixels().map(|measure| measure.name).collect(),
            baseline: key(Stage::Baseline)?,
            train: key(Stage::Train)?,
            generate: key(Stage::Generate)?,
            checkpoint: cell.settings.generate.checkpoint,
            photos: hashes(&cell.train),
            held_out: hashes(&cell.held_out),
        })
    }
}
