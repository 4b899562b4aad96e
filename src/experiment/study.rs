//! A study and its cells.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::axis::Axis;
use super::entry::Entry;
use super::problem::Problem;
use super::settings::Settings;
use super::source::{Place, Source};

/// A whole study: what the file says, typed and checked.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Folder name of the report.
    pub name: String,
    /// Headline of the report.
    pub title: String,
    /// The file it was read from, as the user wrote it.
    pub file: PathBuf,
    /// The file and all that it extends, as they were read, the root of the chain first.
    pub sources: Vec<Arc<Source>>,
    /// Settings without the sweep. A setting that only the sweep gives has its value of the first cell.
    pub settings: Settings,
    /// The axes of the sweep.
    pub axes: Vec<Axis>,
    /// What the user should know; nothing that stops the study.
    pub warnings: Vec<Problem>,
    pub(super) cells: Vec<Cell>,
    pub(super) values: BTreeMap<String, Entry>,
}

/// One combination of the grid.
#[derive(Clone, Debug)]
pub struct Cell {
    /// `dataset.size=5 train.rank=4`; `default` for a study without a grid.
    pub label: String,
    /// The label as a folder name, unique in the study.
    pub slug: String,
    /// What this cell sets on top of the file, in file order.
    pub assignments: Vec<(String, toml::Value)>,
    /// All its settings, checked.
    pub settings: Settings,
    pub(super) values: BTreeMap<String, Entry>,
}

impl Experiment {
    /// The combinations of the grid, in order; at least one.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Where the value of a setting stands: in `cell` (an index), or in the file if `None`. For problems that
    /// are found later, e.g. a resolution the model cannot do.
    #[must_use]
    pub fn place(&self, key: &str, cell: Option<usize>) -> Place {
        let values = cell.and_then(|cell| self.cells.get(cell)).map_or(&self.values, |cell| &cell.values);
        values.get(key).map_or_else(|| Place::Path(self.file.clone()), |entry| entry.origin.value())
    }
}
