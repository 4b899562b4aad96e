//! A study with its verdict: what the sentences speak of.

use crate::measures::verdict::{self, Axis, Study, Verdict, judge};
use crate::report::data::{Setting, StudyData};
use crate::report::naming::axis;

use super::conditions::{Condition, comparable, conditions};
use super::question::{NotIdentity, Question, question};
use super::words;

/// A judged study.
pub(crate) struct Judged<'d> {
    pub(crate) data: &'d StudyData,
    pub(crate) question: Question,
    pub(crate) not_identity: Option<NotIdentity>,
    /// In the order of `verdict.conditions`.
    pub(crate) conditions: Vec<Condition>,
    /// The keys of the axes, in the order of the verdict's axes.
    pub(crate) axes: Vec<AxisOf<'d>>,
    /// The seeds of each repeat.
    pub(crate) repeats: Vec<Vec<Setting>>,
    /// Whether conditions are measured on the same photos in the same way.
    pub(crate) comparable: bool,
    pub(crate) study: Study,
    pub(crate) verdict: Verdict,
}

/// A swept setting that is no seed, with those of its values that conditions have.
pub(crate) struct AxisOf<'d> {
    pub(crate) key: &'d str,
    pub(crate) values: Vec<&'d str>,
}

/// Judges the trainings that are there.
pub(crate) fn judged(data: &StudyData) -> Judged<'_> {
    let (question, not_identity) = question(data);
    let conditions = conditions(data, question);
    let comparable = comparable(&conditions);
    let mut repeats: Vec<Vec<Setting>> = Vec::new();
    for training in conditions.iter().flat_map(|c| &c.trainings) {
        if !repeats.contains(&training.repeat) {
            repeats.push(training.repeat.clone());
        }
    }
    let axes = axes(data, &conditions, question);
    let study = Study {
        direction: question.direction(),
        conditions: (conditions.iter().enumerate())
            .map(|(index, c)| condition(c, &repeats, levels(c, &axes).unwrap_or_else(|| vec![index])))
            .collect(),
        axes: if axes.is_empty() {
            vec![Axis { sizes: Vec::new(), levels: conditions.len() }]
        } else {
            axes.iter().map(|a| Axis { sizes: sizes(a), levels: a.values.len() }).collect()
        },
        span: span(data, &conditions, question),
    };
    let verdict = judge(&study);
    Judged { data, question, not_identity, conditions, axes, repeats, comparable, study, verdict }
}

fn condition(c: &Condition, repeats: &[Vec<Setting>], levels: Vec<usize>) -> verdict::Condition {
    let of = |repeat: &Vec<Setting>| c.trainings.iter().find(|t| t.repeat == *repeat);
    verdict::Condition {
        scores: repeats.iter().map(|r| of(r).and_then(|t| t.score)).collect(),
        floor: repeats.iter().map(|r| of(r).and_then(|t| t.floor)).collect(),
        diverged: c.trainings.iter().filter(|t| t.diverged).count(),
        levels,
    }
}

/// The axes, if every condition has one value of each; else none.
fn axes<'d>(data: &'d StudyData, conditions: &[Condition], question: Question) -> Vec<AxisOf<'d>> {
    let swept = data.axes.iter().filter(|a| !axis::is_repeat(&a.key) && !question.ignores(&a.key));
    let used = |key: &str, value: &str| {
        conditions.iter().flat_map(|c| c.settings.iter().flatten()).any(|s| s.key == key && s.value == value)
    };
    let axes: Vec<AxisOf<'d>> = swept
        .map(|a| AxisOf {
            key: &a.key,
            values: a.values.iter().map(String::as_str).filter(|value| used(&a.key, value)).collect(),
        })
        .filter(|a| a.values.len() > 1)
        .collect();
    if conditions.iter().all(|c| levels(c, &axes).is_some()) { axes } else { Vec::new() }
}

/// The index of the condition's value on each axis; `None` if it has none or several.
fn levels(condition: &Condition, axes: &[AxisOf<'_>]) -> Option<Vec<usize>> {
    let [settings] = condition.settings.as_slice() else { return None };
    if axes.is_empty() {
        return None;
    }
    let level = |a: &AxisOf<'_>| {
        let own = settings.iter().find(|s| s.key == a.key)?;
        a.values.iter().position(|value| *value == own.value)
    };
    axes.iter().map(level).collect()
}

/// The numbers of an axis that counts photos.
fn sizes(axis: &AxisOf<'_>) -> Vec<f64> {
    let numbers: Option<Vec<f64>> = axis.values.iter().map(|v| v.parse().ok()).collect();
    numbers.filter(|_| axis::counts_photos(axis.key)).unwrap_or_default()
}

/// Ceiling − floor, where both are measured.
fn span(data: &StudyData, conditions: &[Condition], question: Question) -> Option<f64> {
    if question != Question::Identity {
        return None;
    }
    let cells = conditions.iter().flat_map(|c| c.cells(data));
    let spans: Vec<f64> =
        cells.filter_map(|cell| Some(cell.value("identity_ceiling")? - question.floor(cell)?)).collect();
    (!spans.is_empty()).then(|| spans.iter().sum::<f64>() / spans.len() as f64)
}

impl Judged<'_> {
    /// Whether conditions are compared by likeness, not by the loss.
    pub(crate) fn judges_likeness(&self) -> bool {
        self.question == Question::Identity
    }

    /// The name of the condition that a cell belongs to.
    pub(crate) fn title_of_cell(&self, cell: usize) -> String {
        let Some(cell) = self.data.cells.get(cell) else { return String::new() };
        let job = self.question.job(cell);
        let known = self.conditions.iter().find(|condition| condition.has(&job));
        known.map_or_else(String::new, |condition| condition.title.clone())
    }

    /// The name of a condition.
    pub(crate) fn title(&self, condition: usize) -> &str {
        self.conditions.get(condition).map_or("", |c| c.title.as_str())
    }

    /// The conditions that have a score, in plan order.
    pub(crate) fn scored(&self) -> Vec<usize> {
        (0..self.conditions.len()).filter(|c| self.verdict.conditions[*c].n > 0).collect()
    }

    /// Whether the conditions are few enough, and their names short enough, to stand in one sentence.
    pub(crate) fn few(&self) -> bool {
        let scored = self.scored();
        words::listable(&scored.iter().map(|c| self.title(*c)).collect::<Vec<_>>())
    }
}
