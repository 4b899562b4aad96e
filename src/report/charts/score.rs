//! The question's score of every condition on one scale.

use crate::report::finding::{self, Judged, Question};
use crate::report::naming::axis;
use crate::report::style::dots::{DotPlot, DotRow};

/// A row for each condition with a score, a dot for each training; `None` if no training has a score.
pub(crate) fn score(judged: &Judged<'_>) -> Option<DotPlot> {
    let rows: Vec<DotRow> = judged.scored().into_iter().map(|condition| row(judged, condition)).collect();
    if rows.is_empty() {
        return None;
    }
    let (title, floor, ceiling) = match judged.question {
        Question::Identity => ("Likeness to the subject", "base model", Some("real photos")),
        Question::HeldOut => ("Denoising loss on photos it never saw", "base model", None),
        Question::Train => ("Denoising loss on the photos it was trained on", "base model", None),
    };
    let trainings = || judged.conditions.iter().flat_map(|c| &c.trainings).filter(|t| t.score.is_some());
    let floor = shared(trainings().map(|t| t.floor)).map(|value| (value, floor.to_owned()));
    let ceiling = ceiling.zip(shared(trainings().map(|t| t.anchor))).map(|(name, value)| (value, name.to_owned()));
    Some(DotPlot { title: title.to_owned(), direction: judged.question.direction(), rows, floor, ceiling })
}

fn row(judged: &Judged<'_>, condition: usize) -> DotRow {
    let known = &judged.conditions[condition];
    let dots = known.trainings.iter().filter_map(|training| {
        let name = axis::say_all(&training.repeat);
        Some((training.score?, if name.is_empty() { "the training".to_owned() } else { name }))
    });
    let mean = judged.verdict.conditions[condition].score;
    DotRow {
        label: known.title.clone(),
        href: None,
        dots: dots.collect(),
        mean: mean.map(|m| m.mean),
        interval: mean.and_then(|m| m.low.zip(m.high)),
    }
}

/// The value that all trainings share; `None` if one has none or another one. Trainings that are measured on other
/// photos have other levels, which cannot be one line.
pub(super) fn shared(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    let first = *values.first()?;
    values.iter().all(|value| finding::same(Some(*value), Some(first))).then_some(first)
}
