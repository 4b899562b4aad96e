//! CSV files: how they are written and read, and those of a `train` artifact, with one row per optimizer step or probe.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A row of a CSV file.
pub trait Row: Serialize + DeserializeOwned {
    /// The name of the file.
    const FILE: &'static str;
    /// The names of the columns, with the line end.
    const HEADER: &'static str;
}

/// A row that belongs to an optimizer step.
pub trait StepRow: Row {
    /// The optimizer step.
    fn step(&self) -> u64;
}

/// One line of `loss.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossRow {
    /// Optimizer step, counted from 1.
    pub step: u64,
    /// Pass over the photos, counted from 1.
    pub epoch: u64,
    /// Instance loss + weight · prior loss.
    pub loss: f64,
    /// Mean squared error on the photos.
    pub instance_loss: f64,
    /// Mean squared error on the class images.
    pub prior_loss: Option<f64>,
    /// Of this step.
    pub learning_rate: f64,
    /// Joint norm before clipping.
    pub grad_norm: f64,
}

impl Row for LossRow {
    const FILE: &'static str = "loss.csv";
    const HEADER: &'static str = "step,epoch,loss,instance_loss,prior_loss,learning_rate,grad_norm\n";
}

impl StepRow for LossRow {
    fn step(&self) -> u64 {
        self.step
    }
}

/// One line of `timing.csv`. It is a file of its own, so that `loss.csv` is the same in every run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// Optimizer step.
    pub step: u64,
    /// Wall-clock seconds of the step.
    pub seconds: f64,
}

impl TimingRow {
    /// A row with microsecond resolution.
    #[must_use]
    pub fn new(step: u64, elapsed: Duration) -> Self {
        Self { step, seconds: elapsed.as_micros() as f64 / 1e6 }
    }
}

impl Row for TimingRow {
    const FILE: &'static str = "timing.csv";
    const HEADER: &'static str = "step,seconds\n";
}

impl StepRow for TimingRow {
    fn step(&self) -> u64 {
        self.step
    }
}

/// One line of `probe.csv`: the denoising loss at fixed noise and timesteps, while training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRow {
    /// Optimizer steps done; 0 is the base model.
    pub step: u64,
    /// Whose loss.
    pub split: Split,
    /// Mean squared error of the prediction.
    pub loss: f64,
}

/// Whose loss a probe measures.
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

impl Split {
    /// The word in the files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::HeldOut => "held_out",
            Self::Class => "class",
        }
    }
}

impl Row for ProbeRow {
    const FILE: &'static str = "probe.csv";
    const HEADER: &'static str = "step,split,loss\n";
}

impl StepRow for ProbeRow {
    fn step(&self) -> u64 {
        self.step
    }
}

/// One line of `probe_bands.csv`: the loss of `probe.csv` over the first, second and last third of the process. A third
/// without a timestep has none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandRow {
    /// Optimizer steps done; 0 is the base model.
    pub step: u64,
    /// Whose loss.
    pub split: Split,
    /// With little noise.
    pub low: Option<f64>,
    /// Between them.
    pub middle: Option<f64>,
    /// With much noise.
    pub high: Option<f64>,
}

impl Row for BandRow {
    const FILE: &'static str = "probe_bands.csv";
    const HEADER: &'static str = "step,split,low,middle,high\n";
}

impl StepRow for BandRow {
    fn step(&self) -> u64 {
        self.step
    }
}

/// The name of the file with the rows so far, while the work goes on. It is gone when the work is done.
#[must_use]
pub fn so_far<R: Row>() -> String {
    format!("checkpoint/{}", R::FILE)
}

/// The text of a file with these rows.
///
/// # Errors
/// A row that CSV cannot hold.
pub fn write<R: Row>(rows: &[R]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(R::HEADER.as_bytes().to_vec());
    rows.iter().try_for_each(|row| writer.serialize(row))?;
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Reads the text of a file.
///
/// # Errors
/// Text that is not such a file, with the line.
pub fn read<R: Row>(text: &[u8]) -> Result<Vec<R>, csv::Error> {
    csv::Reader::from_reader(text).deserialize().collect()
}
