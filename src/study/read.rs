//! A study as its file describes it.

use std::path::{Path, PathBuf};

use super::error::StudyError;
use crate::choice::Device;
use crate::experiment::{Experiment, Overrides, Problem};

/// An experiment file that was read and checked, and the cells of it that are wanted.
#[derive(Debug)]
pub struct Study {
    file: PathBuf,
    pub(super) experiment: Experiment,
    /// Indices of the wanted cells.
    pub(super) selected: Vec<usize>,
}

impl Study {
    /// Reads a file; `overrides` win over what it says. All its cells are wanted.
    ///
    /// # Errors
    /// [`StudyError::Problems`], each with its line.
    pub fn read(file: &Path, overrides: &Overrides) -> Result<Self, StudyError> {
        let experiment = Experiment::load(file, overrides)?;
        let selected = (0..experiment.cells().len()).collect();
        Ok(Self { file: file.to_path_buf(), experiment, selected })
    }

    /// Keeps the cells that match one of `only`, e.g. `dataset.size=5 train.rank=4`; all if there is none.
    ///
    /// # Errors
    /// A text that is not `key=value`, or no cell that matches.
    pub fn only(mut self, only: &[String]) -> Result<Self, StudyError> {
        self.selected = self.experiment.select(only)?;
        Ok(self)
    }

    /// The file, as it was named.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is odd in the file, but not wrong.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.experiment.warnings
    }

    /// The device the study wants to run on.
    #[must_use]
    pub fn device(&self) -> Device {
        self.experiment.settings.model.device
    }
}
