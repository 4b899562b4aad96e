//! The CSV files of a training: one writer appends, a resumed one first cuts off what the checkpoint
//! does not know, torn lines included.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{StageError, help::failed, probe::ProbeRow};
use crate::store::Workspace;

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

/// One line of `timing.csv`: kept apart, so that `loss.csv` is the same in every run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// Optimizer step.
    pub step: u64,
    /// Wall-clock seconds of the step.
    pub seconds: f64,
}

impl TimingRow {
    /// A row with microsecond resolution.
    pub fn new(step: u64, elapsed: Duration) -> Self {
        Self { step, seconds: elapsed.as_micros() as f64 / 1e6 }
    }
}

/// Rows that belong to an optimizer step.
trait Row: Serialize + DeserializeOwned {
    const FILE: &'static str;
    const HEADER: &'static str;
    fn step(&self) -> u64;
}

impl Row for LossRow {
    const FILE: &'static str = "loss.csv";
    const HEADER: &'static str = "step,epoch,loss,instance_loss,prior_loss,learning_rate,grad_norm\n";
    fn step(&self) -> u64 {
        self.step
    }
}

impl Row for TimingRow {
    const FILE: &'static str = "timing.csv";
    const HEADER: &'static str = "step,seconds\n";
    fn step(&self) -> u64 {
        self.step
    }
}

impl Row for ProbeRow {
    const FILE: &'static str = "probe.csv";
    const HEADER: &'static str = "step,split,loss\n";
    fn step(&self) -> u64 {
        self.step
    }
}

/// The three open files.
#[derive(Debug)]
pub struct TrainLog<'a> {
    workspace: &'a Workspace,
    files: Option<[File; 3]>,
}

impl<'a> TrainLog<'a> {
    /// The files of a workspace; nothing is written before [`keep_until`](Self::keep_until).
    pub fn open(workspace: &'a Workspace) -> Result<Self, StageError> {
        Ok(Self { workspace, files: None })
    }

    /// Drops every row after `step` (with `step` 0 all of them) and opens the files for appending.
    pub fn keep_until(&mut self, step: u64) -> Result<(), StageError> {
        let files = [self.rewrite::<LossRow>(step)?, self.rewrite::<TimingRow>(step)?, self.rewrite::<ProbeRow>(step)?];
        self.files = Some(files);
        Ok(())
    }

    /// Appends the rows of one step.
    pub fn step(&mut self, loss: &LossRow, timing: &TimingRow) -> Result<(), StageError> {
        self.append(0, loss)?;
        self.append(1, timing)
    }

    /// Appends a probe.
    pub fn probe(&mut self, row: &ProbeRow) -> Result<(), StageError> {
        self.append(2, row)
    }

    /// Makes all rows durable.
    pub fn sync(&mut self) -> Result<(), StageError> {
        self.files.iter().flatten().try_for_each(File::sync_data).map_err(write_error)
    }

    fn append<R: Row>(&mut self, file: usize, row: &R) -> Result<(), StageError> {
        let Some(files) = &mut self.files else { return Err(failed("the training log is not open")) };
        // One write a line, so that a kill tears at most the last one.
        files[file].write_all(&encode(row)?).map_err(write_error)
    }

    fn rewrite<R: Row>(&self, step: u64) -> Result<File, StageError> {
        let old = self.workspace.read(R::FILE)?.unwrap_or_default();
        let mut text = R::HEADER.as_bytes().to_vec();
        if step > 0 {
            for row in csv::ReaderBuilder::new().flexible(true).from_reader(old.as_slice()).deserialize::<R>() {
                // A torn line ends the part that counts.
                let Ok(row) = row else { break };
                if row.step() <= step {
                    text.extend(encode(&row)?);
                }
            }
        }
        self.workspace.write(R::FILE, &text)?;
        OpenOptions::new().append(true).open(self.workspace.path(R::FILE)?).map_err(write_error)
    }
}

fn encode<R: Row>(row: &R) -> Result<Vec<u8>, StageError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.serialize(row).map_err(failed)?;
    writer.into_inner().map_err(failed)
}

/// A log that cannot be written concerns every job: the disk is full or gone.
fn write_error(error: std::io::Error) -> StageError {
    StageError::Fatal(anyhow::Error::new(error).context("cannot write the training log; is the disk full?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        stage::Stage,
        stages::probe::Split,
        store::{Claim, KeyInputs, Store},
    };

    fn workspace(folder: &std::path::Path) -> Workspace {
        match Store::open(folder).unwrap().claim(Stage::Train, &KeyInputs::new()).unwrap() {
            Claim::Work(workspace) => workspace,
            _ => panic!("nobody else works there"),
        }
    }

    fn row(step: u64) -> (LossRow, TimingRow) {
        let loss = LossRow {
            step,
            epoch: 1,
            loss: 0.1 + step as f64,
            instance_loss: 1.0 / 3.0,
            prior_loss: (step > 1).then_some(1e-9),
            learning_rate: 1e-4,
            grad_norm: 2.0,
        };
        (loss, TimingRow::new(step, Duration::from_millis(1500)))
    }

    #[test]
    fn a_resumed_log_equals_an_undisturbed_one() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |log: &mut TrainLog<'_>, steps: std::ops::RangeInclusive<u64>| {
            for step in steps {
                let (loss, timing) = row(step);
                log.step(&loss, &timing).unwrap();
                log.probe(&ProbeRow { step, split: Split::HeldOut, loss: 0.25 }).unwrap();
            }
        };
        let whole = workspace(one.path());
        let mut log = TrainLog::open(&whole).unwrap();
        log.keep_until(0).unwrap();
        write(&mut log, 1..=5);

        let torn = workspace(two.path());
        let mut log = TrainLog::open(&torn).unwrap();
        log.keep_until(0).unwrap();
        write(&mut log, 1..=4);
        log.append(0, &row(9).0).unwrap();
        log.files.as_mut().unwrap()[0].write_all(b"10,1,0.").unwrap();
        let mut log = TrainLog::open(&torn).unwrap();
        log.keep_until(3).unwrap();
        write(&mut log, 4..=5);

        for file in ["loss.csv", "timing.csv", "probe.csv"] {
            let read = |workspace: &Workspace| String::from_utf8(workspace.read(file).unwrap().unwrap()).unwrap();
            assert_eq!(read(&whole), read(&torn), "{file}");
            assert_eq!(read(&whole).lines().count(), 6);
        }
    }
}
