//! Where in the noise an adapter helps: the change of the loss by time of the process.

use crate::measures::probe_values::ProbeValue;
use crate::records::probe_values::Words;
use crate::records::rows::Split;
use crate::report::data::{CellData, select};
use crate::report::finding::{Condition, Judged};
use crate::report::style::chart::{Curve, Entry, Figure, Look, Panel};

use super::look::{BASE, DOTS, many, spread};
use super::smooth::mean_line;

/// The change from the base model at each time, on held-out photos or, where none is held out, on training photos;
/// `None` if the values are not kept.
pub(crate) fn profile(judged: &Judged<'_>) -> Option<Figure> {
    let of = |split| -> Vec<(usize, Vec<(f64, f64)>)> {
        let line = |(i, condition): (usize, &Condition)| {
            let lines: Vec<_> = condition.cells(judged.data).map(|cell| changes(cell, split)).collect();
            (i, mean_line(&lines))
        };
        judged.conditions.iter().enumerate().map(line).filter(|(_, points)| points.len() > 1).collect()
    };
    let (lines, photos) = match of(Split::HeldOut) {
        lines if !lines.is_empty() => (lines, "photos it never saw"),
        _ => (of(Split::Train), "its training photos"),
    };
    let ends = lines.first().and_then(|(_, points)| Some((points.first()?.0, points.last()?.0)))?;
    let mut panel =
        Panel { curves: vec![Curve::new("", vec![(ends.0, 0.0), (ends.1, 0.0)], BASE)], ..Panel::default() };
    let mut legend = Vec::new();
    let dots = if lines.iter().map(|(_, points)| points.len()).sum::<usize>() <= DOTS { 3 } else { 0 };
    for (i, points) in lines {
        let title = match judged.title(i) {
            "" => "the adapter",
            title => title,
        };
        let (look, thing) = (Look { width: 2.2, ..many(i) }, Some(i));
        panel.curves.push(Curve { thing, ..Curve::new(title, points, Look { dots, ..look }) });
        legend.push(Entry { thing, ..Entry::new(title, look) });
    }
    legend.push(Entry::new("base model", BASE));
    let panels = vec![panel];
    Some(Figure {
        name: "",
        title: format!("Where in the noise it helps, on {photos}"),
        x_label: "noise".into(),
        second_label: "",
        y_label: "change of the denoising loss; below 0 the adapter helps",
        x: None,
        y: spread(&panels),
        panels,
        legend,
    })
}

/// After − before at each time: the mean over the photos that have both.
fn changes(cell: &CellData, split: Split) -> Vec<(f64, f64)> {
    let of = |rows| select(rows, Words::Identifier, split);
    let (before, after) = (of(&cell.probes.base), of(&cell.probes.after));
    let mut sums: Vec<(f64, f64, f64)> = Vec::new();
    for value in &after {
        let same = |other: &&ProbeValue<'_>| other.photo == value.photo && other.timestep == value.timestep;
        let Some(base) = before.iter().find(same) else { continue };
        let (time, change) = (f64::from(value.timestep), value.loss - base.loss);
        match sums.iter_mut().find(|(known, ..)| *known == time) {
            Some((_, sum, n)) => (*sum, *n) = (*sum + change, *n + 1.0),
            None => sums.push((time, change, 1.0)),
        }
    }
    let mut points: Vec<(f64, f64)> = sums.into_iter().map(|(time, sum, n)| (time, sum / n)).collect();
    points.retain(|p| p.1.is_finite());
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}
