//! The probe loss over the steps, on the page: one chart for each condition, its trainings as thin lines.

use crate::report::data::StudyData;
use crate::report::style::chart::{Curve, Entry, Figure, Look, Mark, Panel};
use crate::report::style::scale::Scale;

use super::look::{CLASS, DOTS, HELD_OUT, MAX_PANELS, TRAIN, many, spread};
use super::probe::level;
use super::runs::{Group, groups};
use super::smooth::{mean_line, thinned};

/// What is asked: the name in `probe.csv`, on which photos, and how it is drawn.
const KINDS: [(&str, &str, Look); 3] =
    [("class", "class images", CLASS), ("train", "training photos", TRAIN), ("held_out", "held-out photos", HELD_OUT)];
/// The most points of a line.
const POINTS: usize = 120;
/// A loss above this multiple of the base model's is beyond the edge: a training that diverged would press all others
/// into one line.
const SHOWN: f64 = 1.6;

/// The probe loss of every training. A figure without panels if nothing is measured.
pub(crate) fn curves(data: &StudyData) -> Figure {
    let groups: Vec<Group<'_>> =
        groups(data).into_iter().filter(|g| g.runs.iter().any(|r| !r.cell.probe.rows.is_empty())).collect();
    let has = |kind: &str| groups.iter().flat_map(|g| &g.runs).any(|r| !r.cell.probe.probe(kind).is_empty());
    let (panels, legend) = if groups.len() <= MAX_PANELS {
        let shown = || KINDS.iter().rev().filter(|(kind, ..)| has(kind));
        let mut legend: Vec<Entry> = shown().map(|(_, name, look)| Entry::new(*name, *look)).collect();
        if groups.iter().any(|g| g.runs.len() > 1) {
            legend.push(Entry::new("one training; thick is the mean", thin(HELD_OUT)));
        }
        legend.push(Entry::new("before the training, in the same colours", base(HELD_OUT)));
        (groups.iter().map(panel).collect::<Vec<_>>(), legend)
    } else {
        let (kind, photos, _) = KINDS[if has("held_out") { 2 } else { 1 }];
        let means: Vec<_> = groups.iter().map(|group| thinned(&mean_line(&lines(group, kind)), POINTS)).collect();
        let dots = if means.iter().flatten().count() <= DOTS { 3 } else { 0 };
        let curve = |(i, points): (usize, Vec<(f64, f64)>)| {
            let look = Look { dots, ..many(i) };
            Curve { thing: Some(i), ..Curve::new(groups[i].title.as_str(), points, look) }
        };
        let curves: Vec<Curve> = means.into_iter().enumerate().map(curve).collect();
        let entry =
            |(i, group): (usize, &Group<'_>)| Entry { thing: Some(i), ..Entry::new(group.title.as_str(), many(i)) };
        let legend = groups.iter().enumerate().map(entry).collect();
        let title = format!("{} conditions on {photos}, each the mean of its trainings", groups.len());
        (vec![Panel { title, curves, ..Panel::default() }], legend)
    };
    let top = groups.iter().flat_map(|g| &g.runs).flat_map(|r| KINDS.map(|(kind, ..)| r.cell.probe.probe(kind)));
    let top = top.filter_map(|points| Some(points.first()?.1)).fold(0.0, f64::max) * SHOWN;
    let y = spread(&panels).map(|y| Scale { high: if top > y.low { y.high.min(top) } else { y.high }, ..y });
    Figure {
        name: "",
        title: "Denoising loss at fixed noise".into(),
        x_label: "step".into(),
        second_label: "passes",
        y_label: "loss, lower is better",
        x: None,
        y,
        panels,
        legend,
    }
}

/// The lines that a mean is taken of.
fn lines(group: &Group<'_>, kind: &str) -> Vec<Vec<(f64, f64)>> {
    group.sound().iter().map(|run| run.cell.probe.probe(kind)).filter(|points| !points.is_empty()).collect()
}

fn panel(group: &Group<'_>) -> Panel {
    let all: usize = KINDS.iter().flat_map(|(kind, ..)| lines(group, kind)).map(|line| line.len()).sum();
    let dots = if all <= DOTS { 3 } else { 0 };
    let mut panel = Panel { title: group.title.clone(), second: group.passes(), ..Panel::default() };
    let mut means = Vec::new();
    for (kind, name, look) in KINDS {
        let mean = mean_line(&lines(group, kind));
        let before = format!("{name}, before the training");
        panel.curves.push(Curve::new(before, level(&mean), base(look)));
        if group.runs.len() > 1 {
            for run in &group.runs {
                let points = thinned(&run.cell.probe.probe(kind), POINTS);
                let name = format!("{name}, {}", run.name);
                panel.curves.push(Curve::new(name, points, Look { dots, ..thin(look) }));
            }
        }
        if kind == "held_out" {
            panel.marks.extend(lowest(&mean, look));
        }
        means.push(Curve::new(name, thinned(&mean, POINTS), Look { dots: 4, ..look }));
    }
    panel.curves.extend(means);
    panel
}

/// The lowest point of a line of at least three.
fn lowest(points: &[(f64, f64)], look: Look) -> Option<Mark> {
    let at = *points.iter().filter(|p| points.len() > 2 && p.1.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Mark { at, text: format!("lowest: step {}", at.0), ink: look.ink })
}

fn thin(look: Look) -> Look {
    Look { width: 1.1, opacity: 0.55, dots: 0, ..look }
}

fn base(look: Look) -> Look {
    Look { width: 1.2, opacity: 0.7, dash: Some((2, 4)), dots: 0, ..look }
}
