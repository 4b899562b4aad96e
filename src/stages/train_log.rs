//! The CSV files of a training: written with every checkpoint; a resumed training first cuts off what the checkpoint
//! does not know.

use std::time::Duration;

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

/// The three files, in memory between two checkpoints: what a kill takes away is trained again anyway.
#[derive(Debug)]
pub struct TrainLog<'a> {
    workspace: &'a Workspace,
    loss: Vec<LossRow>,
    timing: Vec<TimingRow>,
    probe: Vec<ProbeRow>,
}

impl<'a> TrainLog<'a> {
    /// The log of a training that begins.
    #[must_use]
    pub fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, loss: Vec::new(), timing: Vec::new(), probe: Vec::new() }
    }

    /// The log of a training that goes on after `step`, without the rows of later steps. `None` if rows are missing:
    /// then the checkpoint and the log are not of one training.
    pub fn resume(workspace: &'a Workspace, step: u64) -> Result<Option<Self>, StageError> {
        let mut log = Self::new(workspace);
        (log.loss, log.timing, log.probe) = (log.rows(step)?, log.rows(step)?, log.rows(step)?);
        let whole = |steps: Vec<u64>| steps.into_iter().eq(1..=step);
        let complete = whole(log.loss.iter().map(Row::step).collect())
            && whole(log.timing.iter().map(Row::step).collect())
            && log.probe.windows(2).all(|rows| rows[0].step <= rows[1].step);
        Ok(complete.then_some(log))
    }

    /// Adds the rows of one step.
    pub fn step(&mut self, loss: LossRow, timing: TimingRow) {
        self.loss.push(loss);
        self.timing.push(timing);
    }

    /// Adds a probe.
    pub fn probe(&mut self, row: ProbeRow) {
        self.probe.push(row);
    }

    /// Writes the three files.
    pub fn write(&self) -> Result<(), StageError> {
        self.write_rows(&self.loss)?;
        self.write_rows(&self.timing)?;
        self.write_rows(&self.probe)
    }

    fn write_rows<R: Row>(&self, rows: &[R]) -> Result<(), StageError> {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(R::HEADER.as_bytes().to_vec());
        rows.iter().try_for_each(|row| writer.serialize(row)).map_err(failed)?;
        let bytes = writer.into_inner().map_err(failed)?;
        Ok(self.workspace.write(R::FILE, &bytes)?)
    }

    /// The rows of a file that an earlier attempt wrote, up to `step`.
    fn rows<R: Row>(&self, step: u64) -> Result<Vec<R>, StageError> {
        let bytes = self.workspace.read(R::FILE)?.unwrap_or_default();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let rows = reader.deserialize::<R>().map_while(Result::ok);
        Ok(rows.filter(|row| row.step() <= step).collect())
    }
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

    fn add(log: &mut TrainLog<'_>, steps: std::ops::RangeInclusive<u64>) {
        for step in steps {
            let loss = LossRow {
                step,
                epoch: 1,
                loss: 0.1 + step as f64,
                instance_loss: 1.0 / 3.0,
                prior_loss: (step > 1).then_some(1e-9),
                learning_rate: 1e-4,
                grad_norm: 2.0,
            };
            log.step(loss, TimingRow::new(step, Duration::from_millis(1500)));
            log.probe(ProbeRow { step, split: Split::HeldOut, loss: 0.25 });
        }
    }

    #[test]
    fn a_resumed_log_equals_an_undisturbed_one() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let whole = workspace(one.path());
        let mut log = TrainLog::new(&whole);
        add(&mut log, 1..=5);
        log.write().unwrap();

        let stopped = workspace(two.path());
        let mut log = TrainLog::new(&stopped);
        add(&mut log, 1..=4);
        log.write().unwrap();
        let mut log = TrainLog::resume(&stopped, 3).unwrap().unwrap();
        add(&mut log, 4..=5);
        log.write().unwrap();

        for file in ["loss.csv", "timing.csv", "probe.csv"] {
            let read = |workspace: &Workspace| String::from_utf8(workspace.read(file).unwrap().unwrap()).unwrap();
            assert_eq!(read(&whole), read(&stopped), "{file}");
            assert_eq!(read(&whole).lines().count(), 6);
        }
    }

    #[test]
    fn a_log_that_lacks_rows_is_not_continued() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        assert!(TrainLog::resume(&workspace, 2).unwrap().is_none());
        let mut log = TrainLog::new(&workspace);
        add(&mut log, 1..=2);
        log.write().unwrap();
        assert!(TrainLog::resume(&workspace, 2).unwrap().is_some());
        assert!(TrainLog::resume(&workspace, 3).unwrap().is_none());
    }
}
