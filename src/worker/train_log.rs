//! The CSV files of a training, kept in its checkpoints until it ends.

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

/// The three files. They are part of every checkpoint, so that it and they are always of one moment, and become files
/// at the end.
#[derive(Debug, Default)]
pub struct TrainLog {
    loss: Vec<LossRow>,
    timing: Vec<TimingRow>,
    probe: Vec<ProbeRow>,
}

/// The log's part of a checkpoint: one line of JSON with the text of each file.
#[derive(Serialize, Deserialize)]
struct Texts {
    loss: String,
    timing: String,
    probe: String,
}

impl TrainLog {
    /// Takes a checkpoint apart: the log, and the state of the training that stands behind it. `None` if it is none.
    pub fn resume(checkpoint: &[u8]) -> Option<(Self, &[u8])> {
        let end = checkpoint.iter().position(|byte| *byte == b'\n')?;
        let texts: Texts = serde_json::from_slice(&checkpoint[..end]).ok()?;
        let log = Self { loss: rows(&texts.loss)?, timing: rows(&texts.timing)?, probe: rows(&texts.probe)? };
        Some((log, &checkpoint[end + 1..]))
    }

    /// A checkpoint: the log and behind it the state of the training.
    pub fn checkpoint(&self, state: &[u8]) -> Result<Vec<u8>, StageError> {
        let texts = Texts { loss: text(&self.loss)?, timing: text(&self.timing)?, probe: text(&self.probe)? };
        let mut bytes = serde_json::to_vec(&texts).map_err(failed)?;
        bytes.push(b'\n');
        bytes.extend(state);
        Ok(bytes)
    }

    /// Whether it has the rows of exactly that many steps.
    #[must_use]
    pub fn is_of(&self, steps: u64) -> bool {
        self.loss.iter().map(Row::step).eq(1..=steps) && self.timing.iter().map(Row::step).eq(1..=steps)
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
    pub fn write(&self, workspace: &Workspace) -> Result<(), StageError> {
        workspace.write(LossRow::FILE, text(&self.loss)?.as_bytes())?;
        workspace.write(TimingRow::FILE, text(&self.timing)?.as_bytes())?;
        Ok(workspace.write(ProbeRow::FILE, text(&self.probe)?.as_bytes())?)
    }
}

fn text<R: Row>(rows: &[R]) -> Result<String, StageError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(R::HEADER.as_bytes().to_vec());
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(failed)?;
    String::from_utf8(writer.into_inner().map_err(failed)?).map_err(failed)
}

fn rows<R: Row>(text: &str) -> Option<Vec<R>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::probe::Split;

    fn add(log: &mut TrainLog, steps: std::ops::RangeInclusive<u64>) {
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
        let mut whole = TrainLog::default();
        add(&mut whole, 1..=5);
        let mut stopped = TrainLog::default();
        add(&mut stopped, 1..=3);
        let checkpoint = stopped.checkpoint(b"\nstate\n").unwrap();
        let (mut log, state) = TrainLog::resume(&checkpoint).unwrap();
        assert_eq!(state, b"\nstate\n");
        assert!(log.is_of(3) && !log.is_of(2) && !log.is_of(4));
        add(&mut log, 4..=5);
        assert_eq!(log.checkpoint(b"").unwrap(), whole.checkpoint(b"").unwrap());
    }

    #[test]
    fn what_is_no_checkpoint_is_not_continued() {
        let mut log = TrainLog::default();
        add(&mut log, 1..=2);
        let good = log.checkpoint(b"state").unwrap();
        for cut in 0..good.len() - b"\nstate".len() {
            assert!(TrainLog::resume(&good[..cut]).is_none(), "{cut}");
        }
        for bad in [&b""[..], b"\n", b"{}\nstate", b"{\"loss\":\"x\\ny\",\"timing\":\"\",\"probe\":\"\"}\nstate"] {
            assert!(TrainLog::resume(bad).is_none());
        }
    }
}
