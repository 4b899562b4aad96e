//! `probe.csv`: the denoising loss at fixed noise and timesteps, while training goes on.

use serde::{Deserialize, Serialize};

use super::{StageError, help::failed};
use crate::store::Artifact;

/// Whose loss it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Photos the cell trains on.
    Train,
    /// Photos no cell trains on.
    HeldOut,
    /// Class images.
    Class,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRow {
    /// Optimizer steps done; 0 is the base model.
    pub step: u64,
    /// Whose loss.
    pub split: Split,
    /// Mean squared error of the prediction.
    pub loss: f64,
}

/// Reads the file of a `train` artifact.
pub fn read(train: &Artifact) -> Result<Vec<ProbeRow>, StageError> {
    let bytes = train.read("probe.csv")?;
    csv::Reader::from_reader(bytes.as_slice()).deserialize().collect::<Result<_, _>>().map_err(failed)
}
