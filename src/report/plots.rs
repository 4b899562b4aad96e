//! `loss.png`, `probe.png` and `summary.png`: one small chart a cell on shared axes, so that cells
//! can be compared at a glance.

use plotters::style::RGBColor;

use crate::report::chart::{Curve, Figure, GREY, Look, Panel, line};
use crate::report::data::{CellData, StudyData};
use crate::report::{ReportError, layout, words};

/// More cells than this share one chart.
const MAX_PANELS: usize = 12;

/// Okabe and Ito's colours, which stay apart for colour-blind readers.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
const BLUE: RGBColor = COLOURS[0];
const ORANGE: RGBColor = COLOURS[1];
const GREEN: RGBColor = COLOURS[2];

/// The training loss of every cell: raw and smoothed, the other cells in grey behind. `None` without data.
pub(crate) fn loss(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    let raw: Vec<(String, Vec<(f64, f64)>)> = data
        .cells
        .iter()
        .map(|c| (panel_title(data, c, c.loss.rows.is_empty()), c.loss.points("step", "instance_loss", |_| true)))
        .collect();
    let smooth: Vec<Vec<(f64, f64)>> = raw.iter().map(|(_, p)| zero_phase_average(p)).collect();
    let thick = |i: usize| line(COLOURS[i % COLOURS.len()], 2.4);
    let mut legend = Vec::new();
    let panels = if raw.len() <= MAX_PANELS {
        let thin = |i: usize| Look { opacity: 0.22, width: 1.0, ..thick(i) };
        let behind = Look { opacity: 0.35, ..line(GREY, 1.2) };
        legend.push(("each step".to_owned(), thin(0)));
        legend.push(("smoothed".to_owned(), thick(0)));
        if raw.len() > 1 {
            legend.push(("smoothed, other cells".to_owned(), behind));
        }
        let panel = |i: usize, title: &str, points: &[(f64, f64)]| {
            let others = smooth.iter().enumerate().filter(|(j, _)| *j != i);
            let mut curves: Vec<Curve> = others.map(|(_, p)| Curve { points: p.clone(), look: behind }).collect();
            curves.push(Curve { points: points.to_vec(), look: thin(i) });
            curves.push(Curve { points: smooth[i].clone(), look: thick(i) });
            Panel { title: title.to_owned(), curves }
        };
        raw.iter().enumerate().map(|(i, (title, points))| panel(i, title, points)).collect()
    } else {
        let curves = smooth.iter().enumerate().map(|(i, p)| Curve { points: p.clone(), look: many(i) });
        vec![Panel { title: format!("{} cells, smoothed", raw.len()), curves: curves.collect() }]
    };
    let all = || raw.iter().flat_map(|(_, p)| p);
    let top = percentile(all(), 0.98);
    let cut = all().any(|p| p.1 > top);
    Figure {
        name: "loss.png",
        title: format!(
            "Training loss on the photos{}",
            if cut { " (the highest values are above the edge)" } else { "" }
        ),
        x_label: "step".into(),
        y_label: "loss",
        y: (0.0, top),
        panels,
        legend,
    }
    .draw()
}

/// The probe loss over the steps, on training photos and on photos never trained on. `None` without data.
pub(crate) fn probe(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    let held_out = line(ORANGE, 2.6);
    let train = Look { dash: Some((9, 5)), ..line(BLUE, 2.2) };
    let class = Look { dash: Some((3, 4)), ..line(GREEN, 2.0) };
    let base = Look { dash: Some((2, 3)), ..line(GREY, 1.4) };
    let mut panels = Vec::new();
    let mut any_class = false;
    if data.cells.len() <= MAX_PANELS {
        for cell in &data.cells {
            let unseen = cell.probe.probe("held_out");
            let mut curves = vec![Curve { points: level(&unseen), look: base }];
            let on_class = cell.probe.probe("class");
            any_class |= !on_class.is_empty();
            curves.push(Curve { points: on_class, look: class });
            curves.push(Curve { points: cell.probe.probe("train"), look: train });
            curves.push(Curve { points: unseen, look: held_out });
            panels.push(Panel { title: panel_title(data, cell, cell.probe.rows.is_empty()), curves });
        }
    } else {
        let held_out = data.cells.iter().any(|c| !c.probe.probe("held_out").is_empty());
        let (split, photos) = if held_out { ("held_out", "held-out photos") } else { ("train", "training photos") };
        let curves = data.cells.iter().enumerate().map(|(i, c)| Curve { points: c.probe.probe(split), look: many(i) });
        let title = format!("{} cells, {photos}", data.cells.len());
        panels.push(Panel { title, curves: curves.collect() });
    }
    let mut legend = Vec::new();
    if data.cells.len() <= MAX_PANELS {
        let unseen = data.cells.iter().any(|c| !c.probe.probe("held_out").is_empty());
        if unseen {
            legend.push(("held-out photos".to_owned(), held_out));
        }
        legend.push(("training photos".to_owned(), train));
        if any_class {
            legend.push(("class images".to_owned(), class));
        }
        if unseen {
            legend.push(("base model on held-out photos".to_owned(), base));
        }
    }
    Figure {
        name: "probe.png",
        title: "Denoising loss at fixed noise: does it learn the subject or its photos?".into(),
        x_label: "step".into(),
        y_label: "probe loss",
        y: spread(&panels),
        panels,
        legend,
    }
    .draw()
}

/// Final losses over the main axis; `None` unless that axis has two or more numbers.
pub(crate) fn summary(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    let Some(axis) = layout::main_axis(data) else { return Ok(None) };
    let held_out = Look { dots: true, ..line(ORANGE, 2.6) };
    let train = Look { dots: true, dash: Some((9, 5)), ..line(BLUE, 2.2) };
    let base = Look { dash: Some((2, 3)), ..line(GREY, 1.4) };
    let mut panels: Vec<Panel> = Vec::new();
    for cell in &data.cells {
        let own = cell.assignments.iter().find(|s| s.key == axis);
        let Some(x) = own.and_then(|s| s.value.parse().ok()).filter(|x: &f64| x.is_finite()) else { continue };
        let title = words::say_all(layout::other_assignments(data, cell));
        if panels.last().is_none_or(|p| p.title != title) && !panels.iter().any(|p| p.title == title) {
            let curves = [base, train, held_out].map(|look| Curve { points: Vec::new(), look });
            panels.push(Panel { title: title.clone(), curves: curves.into() });
        }
        let Some(panel) = panels.iter_mut().find(|p| p.title == title) else { continue };
        let (unseen, seen) = (cell.loss("held_out"), cell.loss("train"));
        for (curve, y) in panel.curves.iter_mut().zip([unseen.base, seen.after, unseen.after]) {
            curve.points.extend(y.map(|y| (x, y)));
        }
    }
    panels.retain(|p| p.curves.iter().any(|c| c.points.len() > 1));
    let unseen = panels.iter().any(|p| !p.curves[2].points.is_empty());
    for curve in panels.iter_mut().flat_map(|p| &mut p.curves) {
        curve.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    if panels.len() > MAX_PANELS {
        return Ok(None);
    }
    let mut legend = vec![("training photos".to_owned(), train)];
    if unseen {
        legend.insert(0, ("held-out photos".to_owned(), held_out));
        legend.push(("base model on held-out photos".to_owned(), base));
    }
    Figure {
        name: "summary.png",
        title: "Denoising loss after training".into(),
        x_label: if axis == "dataset.size" { "training photos".into() } else { words::axis_name(axis) },
        y_label: "probe loss",
        y: spread(&panels),
        panels,
        legend,
    }
    .draw()
}

/// A cell's name, with the reason why its chart is empty.
fn panel_title(data: &StudyData, cell: &CellData, empty: bool) -> String {
    let name = layout::full_title(data, cell);
    match cell.problems.first() {
        Some(p) if empty && p.failed => format!("{name}: failed"),
        _ if empty => format!("{name}: no values"),
        _ => name,
    }
}

/// A look for the i-th of many lines: colours first, then dashes.
fn many(i: usize) -> Look {
    let dashes = [None, Some((9, 5)), Some((3, 4)), Some((14, 4))];
    Look { dash: dashes[i / COLOURS.len() % dashes.len()], ..line(COLOURS[i % COLOURS.len()], 1.8) }
}

/// The first value, drawn across: what the model did before training.
fn level(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => vec![*first, (last.0, first.1)],
        _ => Vec::new(),
    }
}

/// Lowest and highest value with a margin.
fn spread(panels: &[Panel]) -> (f64, f64) {
    let ys = panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points).map(|p| p.1);
    let (low, high) = ys.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
    let margin = ((high - low) * 0.08).max(1e-9 + high.abs() * 1e-3);
    (low - margin, high + margin)
}

fn percentile<'p>(points: impl Iterator<Item = &'p (f64, f64)>, share: f64) -> f64 {
    let mut ys: Vec<f64> = points.map(|p| p.1).collect();
    ys.sort_by(f64::total_cmp);
    let last = ys.len().saturating_sub(1);
    let v = ys.get((last as f64 * share).round() as usize).copied().unwrap_or(1.0);
    if v > 0.0 { v * 1.05 } else { 1.0 }
}

/// An exponential average run forward and then backward, so that the smooth line does not lag.
fn zero_phase_average(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    // The window is a twentieth of the run: enough to see a trend, short enough to see it bend.
    let decay = (-1.0 / (points.len() as f64 / 20.0).max(2.0)).exp();
    let pass = |values: &mut dyn Iterator<Item = f64>| {
        let (mut sum, mut weight) = (0.0, 0.0);
        values
            .map(|v| {
                sum = sum * decay + v;
                weight = weight * decay + 1.0;
                sum / weight
            })
            .collect::<Vec<f64>>()
    };
    let forward = pass(&mut points.iter().map(|p| p.1));
    let mut both = pass(&mut forward.iter().rev().copied());
    both.reverse();
    points.iter().zip(both).map(|(p, y)| (p.0, y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::Table;
    use crate::report::{fixture, picture};

    #[test]
    fn smoothing_neither_lags_nor_shifts() {
        let ramp: Vec<_> = (0..200).map(|i| (f64::from(i), f64::from(i))).collect();
        let smooth = zero_phase_average(&ramp);
        // Forward and backward lag cancel in the middle of a straight line.
        assert!((smooth[100].1 - 100.0).abs() < 0.2, "{:?}", smooth[100]);
        let flat: Vec<_> = (0..50).map(|i| (f64::from(i), 0.5)).collect();
        assert!(zero_phase_average(&flat).iter().all(|p| (p.1 - 0.5).abs() < 1e-12));
        assert_eq!(zero_phase_average(&[]), []);
    }

    #[test]
    fn charts_are_drawn_and_repeat() {
        let data = fixture::study();
        for draw in [loss, probe, summary] {
            let first = draw(&data).expect("draws").expect("has data");
            assert_eq!(Some(&first), draw(&data).expect("draws").as_ref());
            let image = picture::decode("chart", &first).expect("decodes");
            assert!(image.width() <= 1700 && image.pixels().any(|p| p.0 != [255; 3]));
        }
    }

    #[test]
    fn without_data_there_is_no_chart() {
        let data = StudyData::default();
        assert!(loss(&data).expect("no error").is_none());
        assert!(probe(&data).expect("no error").is_none());
        assert!(summary(&data).expect("no error").is_none());
    }

    /// Pixels that are neither white nor grey, where charts are.
    fn coloured(bytes: &[u8]) -> usize {
        let image = picture::decode("chart", bytes).expect("decodes");
        let (w, h) = image.dimensions();
        let inside = image
            .enumerate_pixels()
            .filter(|(x, y, _)| (w / 8..w * 7 / 8).contains(x) && (h / 5..h * 4 / 5).contains(y));
        inside.filter(|(_, _, p)| p.0.iter().max().unwrap_or(&0) - p.0.iter().min().unwrap_or(&0) > 60).count()
    }

    #[test]
    fn odd_curves_are_seen() {
        let loss_of = |values: &[&str]| {
            let mut text = "step,instance_loss\n".to_owned();
            values.iter().enumerate().for_each(|(i, v)| text.push_str(&format!("{},{v}\n", i + 1)));
            Table::parse(text.as_bytes())
        };
        for values in
            [&["0.5"][..], &["0.5", "0.5"], &["0"], &["NaN", "0.3", "inf"], &["1e300", "1e-300"], &["1e-9", "2e-9"]]
        {
            let mut data = fixture::study();
            data.cells.iter_mut().for_each(|c| c.loss = loss_of(values));
            let bytes = loss(&data).expect("draws").expect("has data");
            assert!(coloured(&bytes) > 10, "{values:?}");
        }
        let mut data = fixture::study();
        data.cells.iter_mut().for_each(|c| c.loss = loss_of(&["NaN"]));
        assert!(loss(&data).expect("no error").is_none());
    }

    #[test]
    fn without_held_out_photos_the_training_photos_are_drawn() {
        let mut data = fixture::study();
        for cell in &mut data.cells {
            cell.probe.rows.retain(|r| r[1] != "held_out");
            if let Some(m) = &mut cell.metrics {
                (m.probe_held_out, m.baseline_probe_held_out) = (None, None);
            }
        }
        assert!(coloured(&probe(&data).expect("draws").expect("has data")) > 10);
        assert!(coloured(&summary(&data).expect("draws").expect("has data")) > 10);
        let cell = data.cells[0].clone();
        data.cells = vec![cell; 40];
        assert!(coloured(&probe(&data).expect("draws").expect("has data")) > 10);
    }

    #[test]
    fn one_point_or_many_cells_are_drawn() {
        let mut data = fixture::study();
        data.cells[0].loss.rows.truncate(1);
        data.cells.truncate(1);
        assert!(loss(&data).expect("draws").is_some());
        let cell = fixture::study().cells[0].clone();
        data.cells = vec![cell; 40];
        assert!(loss(&data).expect("draws").is_some());
        assert!(probe(&data).expect("draws").is_some());
    }
}
