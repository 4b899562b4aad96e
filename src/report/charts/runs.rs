//! The trainings behind the curves: those that differ in nothing but seeds stand together.

use std::collections::BTreeSet;

use crate::report::data::{CellData, Setting, StudyData};
use crate::report::finding;
use crate::report::naming::{axis, titles};

/// Trainings with the same settings.
pub(super) struct Group<'d> {
    /// Their settings in words; empty if all trainings have the same.
    pub(super) title: String,
    pub(super) runs: Vec<Run<'d>>,
}

/// One training, by a cell that uses it.
pub(super) struct Run<'d> {
    /// Its seeds in words; empty if it has no repeats.
    pub(super) name: String,
    pub(super) cell: &'d CellData,
}

impl<'d> Group<'d> {
    /// The trainings that a mean is taken of: those that diverged are left out, unless all did.
    pub(super) fn sound(&self) -> Vec<&Run<'d>> {
        let sound: Vec<&Run<'d>> = self.runs.iter().filter(|run| !finding::diverged(run.cell)).collect();
        if sound.is_empty() { self.runs.iter().collect() } else { sound }
    }

    /// How often one step shows every training photo.
    pub(super) fn passes(&self) -> Option<f64> {
        let cell = self.runs.first()?.cell;
        let passes = cell.epochs / cell.steps as f64;
        (passes.is_finite() && passes > 0.0).then_some(passes)
    }
}

/// The trainings of a study that left curves. Several cells may use one training: how images are drawn and measured
/// makes no other curve, and a checkpoint has a part of it. The longest is taken.
pub(super) fn groups(data: &StudyData) -> Vec<Group<'_>> {
    let mut longest: Vec<&CellData> = Vec::new();
    for cell in data.cells.iter().filter(|c| !c.probe.rows.is_empty() || !c.loss.rows.is_empty()) {
        let same = |known: &&mut &CellData| !cell.train_job.is_empty() && known.train_job == cell.train_job;
        match longest.iter_mut().find(same) {
            Some(known) if known.steps < cell.steps => *known = cell,
            Some(_) => {}
            None => longest.push(cell),
        }
    }
    let mut keys: Vec<Vec<Setting>> = Vec::new();
    let mut out: Vec<Group<'_>> = Vec::new();
    for cell in longest {
        let kept = |s: &&Setting| trains(&s.key) && !axis::is_repeat(&s.key);
        let key: Vec<Setting> = cell.assignments.iter().filter(kept).cloned().collect();
        let name = axis::say_all(cell.assignments.iter().filter(|s| axis::is_repeat(&s.key)));
        let run = Run { name, cell };
        match keys.iter().position(|known| *known == key) {
            Some(i) => out[i].runs.push(run),
            None => {
                out.push(Group { title: titles::of_settings(data, cell, &key), runs: vec![run] });
                keys.push(key);
            }
        }
    }
    out
}

/// How many trainings were asked for and left no curve.
pub(crate) fn without_curves(data: &StudyData) -> usize {
    let none = data.cells.iter().filter(|c| c.probe.rows.is_empty() && c.loss.rows.is_empty());
    none.map(|c| if c.train_job.is_empty() { &c.slug } else { &c.train_job }).collect::<BTreeSet<_>>().len()
}

/// Whether a setting changes the training.
fn trains(key: &str) -> bool {
    !key.starts_with("generate.") && !key.starts_with("evaluate.")
}
