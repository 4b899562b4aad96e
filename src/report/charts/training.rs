//! The training loss over the steps, on the page: one chart for each condition.

use crate::report::data::StudyData;
use crate::report::style::chart::{Curve, Entry, Figure, Ink, Look, Panel, line};
use crate::report::style::scale::Scale;

use super::look::{MAX_PANELS, many};
use super::runs::{Group, groups};
use super::smooth::{high, mean_line, thinned, zero_phase_average};

/// The most points of a line of single steps, which jump, and of a smooth one.
const POINTS: (usize, usize) = (120, 44);

/// The training loss of every training. A figure without panels if there is none.
pub(crate) fn training(data: &StudyData) -> Figure {
    let groups: Vec<Group<'_>> =
        groups(data).into_iter().filter(|g| g.runs.iter().any(|r| !r.cell.loss.rows.is_empty())).collect();
    let raw: Vec<Vec<Vec<(f64, f64)>>> = groups.iter().map(steps).collect();
    let mean = |runs: &Vec<Vec<(f64, f64)>>| {
        let smooth: Vec<Vec<(f64, f64)>> = runs.iter().map(|points| zero_phase_average(points)).collect();
        thinned(&mean_line(&smooth), POINTS.1)
    };
    let colour = Ink::Series(0);
    let single = Look { opacity: 0.3, ..line(colour, 0.8) };
    let run = Look { opacity: 0.6, ..line(colour, 1.1) };
    let thick = line(colour, 2.4);
    let several = groups.iter().any(|g| g.runs.len() > 1);
    let (panels, legend) = if groups.len() <= MAX_PANELS {
        let panel = |(group, runs): (&Group<'_>, &Vec<Vec<(f64, f64)>>)| {
            let mut all: Vec<(f64, f64)> = runs.iter().flatten().copied().collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut curves = vec![Curve::new("", thinned(&all, POINTS.0), single)];
            if runs.len() > 1 {
                let smooth = runs.iter().map(|points| thinned(&zero_phase_average(points), POINTS.1));
                curves.extend(smooth.map(|points| Curve::new("", points, run)));
            }
            curves.push(Curve::new("smoothed", mean(runs), thick));
            Panel { title: group.title.clone(), curves, second: group.passes(), ..Panel::default() }
        };
        let mut legend = vec![Entry::new("single steps", single)];
        if several {
            legend.push(Entry::new("one training, smoothed", run));
        }
        legend.push(Entry::new(if several { "mean of the trainings, smoothed" } else { "smoothed" }, thick));
        (groups.iter().zip(&raw).map(panel).collect::<Vec<_>>(), legend)
    } else {
        let curve = |(i, runs): (usize, &Vec<Vec<(f64, f64)>>)| Curve {
            thing: Some(i),
            ..Curve::new(groups[i].title.as_str(), mean(runs), many(i))
        };
        let curves = raw.iter().enumerate().map(curve).collect();
        let title = format!("{} conditions, each the smoothed mean of its trainings", groups.len());
        (vec![Panel { title, curves, ..Panel::default() }], Vec::new())
    };
    let top = high(raw.iter().flatten().flatten());
    let any = panels.iter().flat_map(|p| &p.curves).any(|c| !c.points.is_empty());
    Figure {
        name: "",
        title: "Training loss".into(),
        x_label: "step".into(),
        second_label: "passes",
        y_label: "loss, lower is better",
        x: None,
        y: any.then_some(Scale { low: 0.0, high: top }),
        panels,
        legend,
    }
}

fn steps(group: &Group<'_>) -> Vec<Vec<(f64, f64)>> {
    let points = group.sound().into_iter().map(|run| run.cell.loss.points("step", "instance_loss", |_| true));
    points.filter(|points| !points.is_empty()).collect()
}
