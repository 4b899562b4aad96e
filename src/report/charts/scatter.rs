//! One number against another: a dot for each training, a larger one for the mean of a condition.

use std::collections::BTreeMap;

use crate::report::data::CellData;
use crate::report::finding::Judged;
use crate::report::naming::axis;
use crate::report::style::chart::{Curve, Entry, Figure, Ink, Look, Mark, Panel, line};
use crate::report::style::scale::{Scale, drawable};
use crate::stage::Stage;

use super::look::{BASE, many};
use super::score::shared;

/// The radius of the dot of a training and of a mean.
const DOTS: (i32, i32) = (4, 8);

/// What is drawn, and against what.
struct Against {
    title: &'static str,
    x_label: &'static str,
    y_label: &'static str,
}

/// Likeness against prompt following, with the base model and the likeness of real photos; `None` unless both are
/// measured.
pub(crate) fn likeness_and_prompt(judged: &Judged<'_>) -> Option<Figure> {
    let of = |cell: &CellData| Some((cell.value("identity")?, cell.value("prompt_following")?));
    let against = Against {
        title: "Likeness and prompt following",
        x_label: "likeness",
        y_label: "prompt following; better is up and to the right",
    };
    let mut figure = figure(judged, against, of)?;
    let cells = || judged.conditions.iter().flat_map(|c| c.cells(judged.data)).filter(|cell| of(cell).is_some());
    let level = |name: &str| shared(cells().map(|cell| cell.value(name)));
    let panel = figure.panels.first_mut()?;
    if let Some(at) = level("identity_floor").zip(level("baseline_prompt_following")) {
        let look = Look { dots: 5, ..line(Ink::Soft, 0.0) };
        panel.curves.push(Curve::new("base model", vec![at], look));
        panel.marks.push(Mark { at, text: "base model".into(), ink: Ink::Soft });
    }
    let (x, y) = scales(panel)?;
    let mut across = x;
    if let Some(photos) = level("identity_ceiling") {
        across = Scale::over([x.low, x.high, photos])?;
        panel.curves.push(Curve::new("real photos", vec![(photos, y.low), (photos, y.high)], BASE));
        figure.legend.push(Entry::new("likeness of real photos to each other", BASE));
    }
    (figure.x, figure.y) = (Some(across), Some(y));
    Some(figure)
}

/// The score against the images that were seen in training; `None` if all trainings saw as many.
pub(crate) fn score_by_images(judged: &Judged<'_>) -> Option<Figure> {
    let of =
        |cell: &CellData| Some(((cell.epochs * cell.train_photos.len() as f64).round(), judged.question.score(cell)?));
    let against = Against { title: "What more training buys", x_label: "images", y_label: way(judged) };
    with_frontier(judged, figure(judged, against, of)?)
}

/// The score against the minutes that the training took; `None` if they are not known.
pub(crate) fn score_by_minutes(judged: &Judged<'_>) -> Option<Figure> {
    let costs = judged.data.costs.iter().filter(|cost| cost.stage == Stage::Train);
    let seconds: BTreeMap<&str, f64> = costs.map(|cost| (cost.key.as_str(), cost.seconds)).collect();
    let of = |cell: &CellData| Some((seconds.get(cell.train_job.as_str())? / 60.0, judged.question.score(cell)?));
    let against = Against { title: "What the time of a training buys", x_label: "minutes", y_label: way(judged) };
    with_frontier(judged, figure(judged, against, of)?)
}

fn way(judged: &Judged<'_>) -> &'static str {
    match judged.question.direction().sign() > 0.0 {
        true => "likeness, higher is better",
        false => "denoising loss, lower is better",
    }
}

/// The dots of all conditions.
fn figure(judged: &Judged<'_>, against: Against, of: impl Fn(&CellData) -> Option<(f64, f64)>) -> Option<Figure> {
    let mut panel = Panel::default();
    let mut legend = Vec::new();
    for (i, condition) in judged.conditions.iter().enumerate() {
        let look = Look { width: 0.0, dash: None, dots: DOTS.0, ..many(i) };
        let trainings = condition.trainings.iter().filter(|t| !t.diverged);
        let points: Vec<(String, (f64, f64))> = trainings
            .filter_map(|t| Some((axis::say_all(&t.repeat), of(judged.data.cells.get(t.cell)?)?)))
            .filter(|(_, (x, y))| drawable(*x) && drawable(*y))
            .collect();
        let n = points.len() as f64;
        let mean = points.iter().fold((0.0, 0.0), |sum, (_, p)| (sum.0 + p.0 / n, sum.1 + p.1 / n));
        if points.is_empty() {
            continue;
        }
        let thing = Some(i);
        let name = if condition.title.is_empty() { "the trainings" } else { condition.title.as_str() };
        if points.len() > 1 {
            for (repeat, at) in points {
                let curve = Curve::new(format!("{name}, {repeat}"), vec![at], look);
                panel.curves.push(Curve { thing, ..curve });
            }
        }
        let large = Look { dots: DOTS.1, opacity: 0.6, ..look };
        panel.curves.push(Curve { thing, ..Curve::new(name, vec![mean], large) });
        legend.push(Entry { thing, ..Entry::new(name, large) });
    }
    if panel.curves.is_empty() {
        return None;
    }
    let (x, y) = scales(&panel)?;
    Some(Figure {
        name: "",
        title: against.title.into(),
        x_label: against.x_label.into(),
        second_label: "",
        y_label: against.y_label,
        panels: vec![panel],
        legend,
        x: Some(x),
        y: Some(y),
    })
}

fn scales(panel: &Panel) -> Option<(Scale, Scale)> {
    let points = || panel.curves.iter().flat_map(|c| &c.points);
    Some((Scale::over(points().map(|p| p.0))?, Scale::over(points().map(|p| p.1))?))
}

/// The figure with a line along the best means; `None` if all lie at one place across.
fn with_frontier(judged: &Judged<'_>, mut figure: Figure) -> Option<Figure> {
    let sign = judged.question.direction().sign();
    let panel = figure.panels.first_mut()?;
    let means = panel.curves.iter().filter(|c| c.look.dots == DOTS.1).flat_map(|c| c.points.iter().copied());
    let mut means: Vec<(f64, f64)> = means.collect();
    means.sort_by(|a, b| a.0.total_cmp(&b.0).then((b.1 * sign).total_cmp(&(a.1 * sign))));
    if means.first().zip(means.last()).is_none_or(|(first, last)| first.0 == last.0) {
        return None;
    }
    let mut best: Vec<(f64, f64)> = Vec::new();
    for (x, y) in means {
        if best.last().is_none_or(|(_, known)| (y - known) * sign > 0.0) {
            best.push((x, y));
        }
    }
    if best.len() > 1 {
        panel.curves.insert(0, Curve::new("", best, BASE));
        figure.legend.push(Entry::new("nothing better for less", BASE));
    }
    Some(figure)
}
