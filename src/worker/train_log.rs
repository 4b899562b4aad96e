//! The CSV files of a training, kept in its checkpoints until it ends.

use serde::{Deserialize, Serialize};

use super::error::{StageError, failed};
use crate::records::rows::{self, BandRow, LossRow, ProbeRow, Row, StepRow, TimingRow};
use crate::store::Workspace;

/// The four files. They are part of every checkpoint, so that it and they are always of one moment, and become files
/// at the end.
#[derive(Debug, Default)]
pub(super) struct TrainLog {
    loss: Vec<LossRow>,
    timing: Vec<TimingRow>,
    probe: Vec<ProbeRow>,
    bands: Vec<BandRow>,
}

/// The log's part of a checkpoint: one line of JSON with the text of each file.
#[derive(Serialize, Deserialize)]
struct Texts {
    loss: String,
    timing: String,
    probe: String,
    bands: String,
}

impl TrainLog {
    /// Takes a checkpoint apart: the log, and the state of the training that stands behind it. `None` if it is none.
    pub(super) fn resume(checkpoint: &[u8]) -> Option<(Self, &[u8])> {
        let end = checkpoint.iter().position(|byte| *byte == b'\n')?;
        let texts: Texts = serde_json::from_slice(&checkpoint[..end]).ok()?;
        let log = Self {
            loss: rows::read(texts.loss.as_bytes()).ok()?,
            timing: rows::read(texts.timing.as_bytes()).ok()?,
            probe: rows::read(texts.probe.as_bytes()).ok()?,
            bands: rows::read(texts.bands.as_bytes()).ok()?,
        };
        Some((log, &checkpoint[end + 1..]))
    }

    /// A checkpoint: the log and behind it the state of the training.
    pub(super) fn checkpoint(&self, state: &[u8]) -> Result<Vec<u8>, StageError> {
        let texts = Texts {
            loss: text(&self.loss)?,
            timing: text(&self.timing)?,
            probe: text(&self.probe)?,
            bands: text(&self.bands)?,
        };
        let mut bytes = serde_json::to_vec(&texts).map_err(failed)?;
        bytes.push(b'\n');
        bytes.extend(state);
        Ok(bytes)
    }

    /// Whether it has the rows of exactly that many steps.
    #[must_use]
    pub(super) fn is_of(&self, steps: u64) -> bool {
        self.loss.iter().map(StepRow::step).eq(1..=steps) && self.timing.iter().map(StepRow::step).eq(1..=steps)
    }

    /// Adds the rows of one step.
    pub(super) fn step(&mut self, loss: LossRow, timing: TimingRow) {
        self.loss.push(loss);
        self.timing.push(timing);
    }

    /// Adds a probe.
    pub(super) fn probe(&mut self, row: ProbeRow, bands: BandRow) {
        self.probe.push(row);
        self.bands.push(bands);
    }

    /// Writes what a report and a race see of an unfinished training; nothing goes on from these files.
    pub(super) fn show(&self, workspace: &Workspace) -> Result<(), StageError> {
        workspace.write(&rows::so_far::<LossRow>(), text(&self.loss)?.as_bytes())?;
        workspace.write(&rows::so_far::<BandRow>(), text(&self.bands)?.as_bytes())?;
        Ok(workspace.write(&rows::so_far::<ProbeRow>(), text(&self.probe)?.as_bytes())?)
    }

    /// Writes the four files.
    pub(super) fn write(&self, workspace: &Workspace) -> Result<(), StageError> {
        workspace.write(LossRow::FILE, text(&self.loss)?.as_bytes())?;
        workspace.write(TimingRow::FILE, text(&self.timing)?.as_bytes())?;
        workspace.write(BandRow::FILE, text(&self.bands)?.as_bytes())?;
        Ok(workspace.write(ProbeRow::FILE, text(&self.probe)?.as_bytes())?)
    }
}

fn text<R: Row>(rows: &[R]) -> Result<String, StageError> {
    String::from_utf8(rows::write(rows).map_err(failed)?).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::rows::Split;
    use std::time::Duration;

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
            let bands = BandRow { step, split: Split::HeldOut, low: Some(0.125), middle: None, high: Some(1.0 / 3.0) };
            log.probe(ProbeRow { step, split: Split::HeldOut, loss: 0.25 }, bands);
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
