//! From cells to trainings: what is counted when a report says how often something happened.
//!
//! Cells that share a training share its score, and it counts once. Trainings that differ only in their seeds are
//! repeats of one condition.

use crate::report::data::{CellData, ProblemKind, Setting, StudyData};
use crate::report::naming::{axis, titles};

use super::question::Question;

/// A loss above this multiple of the base model's is no longer a result: the training diverged. Images of a training of
/// the demo at 1.85 times show blotches; sound trainings end below the base model's.
const DIVERGED: f64 = 1.5;

/// One training with its score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Training {
    /// The seeds that distinguish it from its repeats.
    pub(crate) repeat: Vec<Setting>,
    /// `None` if it diverged, or has no such number.
    pub(crate) score: Option<f64>,
    pub(crate) floor: Option<f64>,
    /// What must be the same in all conditions of a repeat.
    pub(crate) anchor: Option<f64>,
    pub(crate) diverged: bool,
    /// Index of the first cell that uses it.
    pub(crate) cell: usize,
}

/// All trainings whose settings are the same except for their seeds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    /// Its settings in words; empty when there is only one condition.
    pub(crate) title: String,
    pub(crate) trainings: Vec<Training>,
    /// Its settings without seeds; several where settings do not matter for the training.
    pub(crate) settings: Vec<Vec<Setting>>,
    jobs: Vec<String>,
}

impl Condition {
    /// Whether that job made one of its trainings.
    pub(crate) fn has(&self, job: &String) -> bool {
        self.jobs.contains(job)
    }

    /// The cells of its trainings, diverged ones left out.
    pub(crate) fn cells<'d>(&'d self, data: &'d StudyData) -> impl Iterator<Item = &'d CellData> {
        self.trainings.iter().filter(|t| !t.diverged).filter_map(|t| data.cells.get(t.cell))
    }
}

/// The finished and the diverged trainings of a study by condition, in plan order.
pub(crate) fn conditions(data: &StudyData, question: Question) -> Vec<Condition> {
    let mut out: Vec<Condition> = Vec::new();
    for (index, cell) in data.cells.iter().enumerate() {
        let diverged = diverged(cell);
        if !cell.trained && !diverged {
            continue;
        }
        let keep = |s: &&Setting| !axis::is_repeat(&s.key) && !question.ignores(&s.key);
        let settings: Vec<Setting> = cell.assignments.iter().filter(keep).cloned().collect();
        let job = question.job(cell);
        if let Some(known) = out.iter_mut().find(|c| c.jobs.contains(&job)) {
            // Two settings share one training, so the condition has both names.
            if !known.settings.contains(&settings) {
                known.title = format!("{} or {}", known.title, titles::of_settings(data, cell, &settings));
                known.settings.push(settings);
            }
            continue;
        }
        let training = Training {
            repeat: cell.assignments.iter().filter(|s| axis::is_repeat(&s.key)).cloned().collect(),
            score: question.score(cell).filter(|_| !diverged),
            floor: question.floor(cell),
            anchor: question.anchor(cell),
            diverged,
            cell: index,
        };
        match out.iter_mut().find(|c| c.settings.contains(&settings)) {
            Some(known) => {
                known.trainings.push(training);
                known.jobs.push(job);
            }
            None => out.push(Condition {
                title: titles::of_settings(data, cell, &settings),
                trainings: vec![training],
                settings: vec![settings],
                jobs: vec![job],
            }),
        }
    }
    out
}

/// Whether a training left what a training can be: its loss was no number, or ended far above the base model's.
pub(crate) fn diverged(cell: &CellData) -> bool {
    let failed = cell.problems.iter().any(|p| p.kind() == ProblemKind::Diverged);
    let pairs = [("probe_held_out", "baseline_probe_held_out"), ("probe_train", "baseline_probe_train")];
    let far = |(after, base): (&str, &str)| {
        cell.value(after).zip(cell.value(base)).is_some_and(|(after, base)| base > 0.0 && after > DIVERGED * base)
    };
    let no_number = |name: &str| cell.metrics.as_ref().and_then(|m| m.get(name)).is_some_and(|v| !v.is_finite());
    failed || pairs.into_iter().any(far) || ["probe_held_out", "probe_train"].into_iter().any(no_number)
}

/// Whether the scores of conditions may be compared: in each repeat all conditions are measured on the same photos and
/// in the same way.
pub(crate) fn comparable(conditions: &[Condition]) -> bool {
    let all = || conditions.iter().flat_map(|c| &c.trainings).filter(|t| t.score.is_some());
    all().all(|t| t.anchor.is_some_and(|a| all().filter(|o| o.repeat == t.repeat).all(|o| same(Some(a), o.anchor))))
}

/// Whether two numbers are the same but for their last digits.
pub(crate) fn same(a: Option<f64>, b: Option<f64>) -> bool {
    a.zip(b).is_some_and(|(a, b)| (a - b).abs() <= 1e-6 * a.abs().max(b.abs()))
}
