//! `loss.png`: the training loss of every cell.

use crate::report::data::StudyData;
use crate::report::error::ReportError;
use crate::report::style::chart::{Curve, Entry, Figure, Ink, Look, Panel, line};
use crate::report::style::scale::Scale;

use super::look::{MAX_PANELS, many, panel_title};
use super::smooth::{high, zero_phase_average};

/// The training loss of every cell: raw and smoothed, the other cells in grey behind. `None` without data.
pub(crate) fn loss(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    let raw: Vec<(String, Vec<(f64, f64)>)> = data
        .cells
        .iter()
        .map(|c| (panel_title(data, c, c.loss.rows.is_empty()), c.loss.points("step", "instance_loss", |_| true)))
        .collect();
    let smooth: Vec<Vec<(f64, f64)>> = raw.iter().map(|(_, p)| zero_phase_average(p)).collect();
    let thick = |i: usize| line(Ink::Series(i), 2.4);
    let mut legend = Vec::new();
    let panels = if raw.len() <= MAX_PANELS {
        let thin = |i: usize| Look { opacity: 0.22, width: 1.0, ..thick(i) };
        let behind = Look { opacity: 0.35, ..line(Ink::Soft, 1.2) };
        legend.push(Entry::new("each step", thin(0)));
        legend.push(Entry::new("smoothed", thick(0)));
        if raw.len() > 1 {
            legend.push(Entry::new("smoothed, other cells", behind));
        }
        let panel = |i: usize, title: &str, points: &[(f64, f64)]| {
            let others = smooth.iter().enumerate().filter(|(j, _)| *j != i);
            let mut curves: Vec<Curve> = others.map(|(_, p)| Curve::new("", p.clone(), behind)).collect();
            curves.push(Curve::new("", points.to_vec(), thin(i)));
            curves.push(Curve::new("", smooth[i].clone(), thick(i)));
            Panel { title: title.to_owned(), curves, ..Panel::default() }
        };
        raw.iter().enumerate().map(|(i, (title, points))| panel(i, title, points)).collect()
    } else {
        let curves = smooth.iter().enumerate().map(|(i, p)| Curve::new("", p.clone(), many(i)));
        let title = format!("{} cells, smoothed", raw.len());
        vec![Panel { title, curves: curves.collect(), ..Panel::default() }]
    };
    let all = || raw.iter().flat_map(|(_, p)| p);
    let top = high(all());
    let cut = all().any(|p| p.1 > top);
    Figure {
        name: "loss.png",
        title: format!(
            "Training loss on the photos{}",
            if cut { " (the highest values are above the edge)" } else { "" }
        ),
        x_label: "step".into(),
        second_label: "",
        y_label: "loss",
        x: None,
        y: Some(Scale { low: 0.0, high: top }),
        panels,
        legend,
    }
    .png()
}
