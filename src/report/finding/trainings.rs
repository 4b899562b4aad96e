//! From cells to trainings: what is counted when a report says how often something happened.
//!
//! Cells that differ only in how images are drawn share one training, and it counts once. Trainings that differ only in
//! their seeds are repeats of one condition.

use crate::report::data::{CellData, Setting, StudyData};
use crate::report::{axis, titles};
use crate::text;

/// The photos a loss is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// Photos the cell does not train on.
    HeldOut,
    /// Photos the cell trains on.
    Train,
}

/// A denoising loss before and after a training; `None` where there is no finite number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Loss {
    pub(crate) base: Option<f64>,
    pub(crate) after: Option<f64>,
}

/// One finished training.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Training {
    /// The seeds that distinguish it from its repeats.
    repeat: Vec<Setting>,
    pub(crate) held_out: Loss,
    pub(crate) train: Loss,
    /// Index of the first cell that uses it.
    pub(crate) cell: usize,
}

/// All finished trainings whose settings are the same except for their seeds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    /// Its settings in words; empty when there is only one condition.
    pub(crate) title: String,
    pub(crate) trainings: Vec<Training>,
    settings: Vec<Vec<Setting>>,
    jobs: Vec<String>,
}

impl Training {
    pub(crate) fn loss(&self, split: Split) -> Loss {
        match split {
            Split::HeldOut => self.held_out,
            Split::Train => self.train,
        }
    }
}

/// The finished trainings of a study by condition, in plan order.
pub(crate) fn conditions(data: &StudyData) -> Vec<Condition> {
    let mut out: Vec<Condition> = Vec::new();
    for (index, cell) in data.cells.iter().enumerate().filter(|(_, c)| c.trained) {
        let settings = of_training(cell);
        if let Some(known) = out.iter_mut().find(|c| c.jobs.contains(&cell.train_job)) {
            // Two settings share one training, so the condition has both names.
            if !known.settings.contains(&settings) {
                known.title = format!("{} or {}", known.title, title(data, cell, &settings));
                known.settings.push(settings);
            }
            continue;
        }
        let training = Training {
            repeat: cell.assignments.iter().filter(|s| axis::is_repeat(&s.key)).cloned().collect(),
            held_out: Loss::of(cell, "held_out"),
            train: Loss::of(cell, "train"),
            cell: index,
        };
        match out.iter_mut().find(|c| c.settings.contains(&settings)) {
            Some(known) => {
                known.trainings.push(training);
                known.jobs.push(cell.train_job.clone());
            }
            None => out.push(Condition {
                title: title(data, cell, &settings),
                trainings: vec![training],
                settings: vec![settings],
                jobs: vec![cell.train_job.clone()],
            }),
        }
    }
    out
}

/// The settings that a training and the measurement of its loss depend on, without the seeds.
fn of_training(cell: &CellData) -> Vec<Setting> {
    let drawn = |key: &str| key.starts_with("generate.") || key == "evaluate.drift_prompts";
    let keep = |s: &&Setting| !axis::is_repeat(&s.key) && !drawn(&s.key);
    cell.assignments.iter().filter(keep).cloned().collect()
}

fn title(data: &StudyData, cell: &CellData, settings: &[Setting]) -> String {
    if settings.is_empty() {
        return String::new();
    }
    let cell =
        CellData { assignments: settings.to_vec(), train_photos: cell.train_photos.clone(), ..CellData::default() };
    text::shortened(&titles::full_title(data, &cell), 120)
}

impl Loss {
    /// The losses of a cell on one split of the probe.
    fn of(cell: &CellData, split: &str) -> Self {
        let [base, after] = [format!("baseline_probe_{split}"), format!("probe_{split}")].map(|name| cell.value(&name));
        Self { base, after }
    }
}

/// Whether the losses of conditions may be compared. A repeat that two conditions have must begin at the same loss of
/// the base model; and where repeats begin at different losses, every condition must have the same repeats.
pub(crate) fn comparable(conditions: &[Condition], split: Split) -> bool {
    let starts: Vec<Vec<(&[Setting], f64)>> = conditions
        .iter()
        .map(|c| c.trainings.iter().filter_map(|t| Some((t.repeat.as_slice(), t.loss(split).base?))).collect())
        .collect();
    let complete = conditions.iter().zip(&starts).all(|(c, s)| s.len() == c.trainings.len());
    let all = || starts.iter().flatten();
    let paired = all().all(|(r, base)| all().filter(|(other, _)| other == r).all(|(_, b)| same(*base, *b)));
    let level = all().all(|(_, base)| starts.first().and_then(|s| s.first()).is_some_and(|(_, b)| same(*base, *b)));
    let repeats = |s: &Vec<(&[Setting], f64)>| {
        let mut all: Vec<String> = s.iter().map(|(r, _)| format!("{r:?}")).collect();
        all.sort();
        all
    };
    let balanced = starts.windows(2).all(|w| repeats(&w[0]) == repeats(&w[1]));
    complete && paired && (level || balanced)
}

/// Whether two losses are equal up to rounding.
pub(crate) fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
}

pub(crate) fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

/// Smallest and largest.
pub(crate) fn range(v: &[f64]) -> (f64, f64) {
    v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)))
}
