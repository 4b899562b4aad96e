//! One study, as its report shows it.

use serde::{Deserialize, Serialize};

use super::cell::CellData;
use super::cost::Cost;
use super::likeness::EncoderData;
use super::live::Live;
use super::picture::{ImageSet, PhotoData};
use super::problem::ProblemKind;
use super::race::Race;
use super::setting::{Axis, Setting};
use super::vote::Vote;
use crate::choice::Question;
use crate::store::StoredFile;

/// One study, as its report shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StudyData {
    /// The experiment's name; names the report folder.
    pub name: String,
    /// The question, as the user put it.
    pub title: String,
    /// The name of the experiment file, without its folder.
    #[serde(default)]
    pub file: String,
    /// What is swept, in file order.
    pub axes: Vec<Axis>,
    /// Settings that are the same in every cell.
    pub fixed: Vec<Setting>,
    /// Settings that are not swept but follow from a swept one, as `alpha` follows from the rank.
    pub derived: Vec<Axis>,
    /// The grid, in plan order.
    pub cells: Vec<CellData>,
    /// Images of the base model; most studies have one set that all cells share.
    pub baselines: Vec<ImageSet>,
    /// Class images for prior preservation; none when prior preservation is off.
    pub class_images: Vec<ImageSet>,
    /// The image encoders, in the order of the experiment file.
    #[serde(default)]
    pub encoders: Vec<EncoderData>,
    /// What the verdict is about, if the experiment file says so: `evaluate.question`.
    #[serde(default)]
    pub question: Option<Question>,
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
    /// Settings and jobs for programs, the text of `study.json`; empty if the report has none.
    #[serde(default)]
    pub record: String,
    /// What the race did, if there was one.
    #[serde(default)]
    pub race: Option<Race>,
    /// What people answered who compared its images without knowing which is which.
    #[serde(default)]
    pub votes: Vec<Vote>,
    /// Files copied into the report.
    pub files: Vec<ReportFile>,
    /// Wall-clock values, one entry per stored artifact.
    pub costs: Vec<Cost>,
    /// The run that is going on; `None` in a report that stays.
    #[serde(default)]
    pub live: Option<Live>,
}

/// A file of a photo folder that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// File name.
    pub name: String,
    /// Why.
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

    /// Whether the losses of single photos and timesteps are there.
    #[must_use]
    pub fn has_probe_values(&self) -> bool {
        self.cells.iter().any(|cell| !cell.probes.base.is_empty() || !cell.probes.after.is_empty())
    }

    /// How many cells have a stage that was tried and failed.
    #[must_use]
    pub fn failed_cells(&self) -> usize {
        self.cells.iter().filter(|c| c.problems.iter().any(|p| p.failed)).count()
    }

    /// How many cells the race stopped.
    #[must_use]
    pub fn raced_cells(&self) -> usize {
        let raced = |c: &&CellData| c.problems.iter().any(|p| p.kind() == ProblemKind::Raced);
        self.cells.iter().filter(|c| c.problems.iter().all(|p| !p.failed)).filter(raced).count()
    }

    /// How many cells are neither complete nor failed nor stopped by the race.
    #[must_use]
    pub fn waiting_cells(&self) -> usize {
        self.cells.len() - self.complete_cells() - self.failed_cells() - self.raced_cells()
    }
}
