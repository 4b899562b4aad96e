//! `probe.png`: the probe loss over the steps.

use crate::report::data::{CellData, StudyData};
use crate::report::error::ReportError;
use crate::report::style::chart::{Curve, Entry, Figure, Panel};

use super::look::{BASE, CLASS, HELD_OUT, MAX_PANELS, TRAIN, many, panel_title, spread};

/// The probe loss over the steps, on training photos and on photos never trained on. `None` without data.
pub(crate) fn probe(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    let cells = &data.cells;
    let any = |split: &str| cells.iter().any(|c| !c.probe.probe(split).is_empty());
    let unseen = any("held_out");
    let (panels, legend) = if cells.len() <= MAX_PANELS {
        let panel = |cell: &CellData| {
            let points = |split: &str| cell.probe.probe(split);
            let curves = vec![
                Curve::new("", level(&points("held_out")), BASE),
                Curve::new("", points("class"), CLASS),
                Curve::new("", points("train"), TRAIN),
                Curve::new("", points("held_out"), HELD_OUT),
            ];
            Panel { title: panel_title(data, cell, cell.probe.rows.is_empty()), curves, ..Panel::default() }
        };
        let legend = [
            ("held-out photos", HELD_OUT, unseen),
            ("training photos", TRAIN, true),
            ("class images", CLASS, any("class")),
            ("base model on held-out photos", BASE, unseen),
        ];
        let legend = legend.into_iter().filter(|(_, _, shown)| *shown).map(|(name, look, _)| Entry::new(name, look));
        (cells.iter().map(panel).collect(), legend.collect())
    } else {
        let (split, photos) = if unseen { ("held_out", "held-out photos") } else { ("train", "training photos") };
        let curve = |(i, cell): (usize, &CellData)| Curve::new("", cell.probe.probe(split), many(i));
        let title = format!("{} cells, {photos}", cells.len());
        let curves = cells.iter().enumerate().map(curve).collect();
        (vec![Panel { title, curves, ..Panel::default() }], Vec::new())
    };
    Figure {
        name: "probe.png",
        title: "Denoising loss at fixed noise: does it learn the subject or its photos?".into(),
        x_label: "step".into(),
        second_label: "",
        y_label: "probe loss",
        x: None,
        y: spread(&panels),
        panels,
        legend,
    }
    .png()
}

/// The first value, drawn across: what the model did before training.
pub(super) fn level(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => vec![*first, (last.0, first.1)],
        _ => Vec::new(),
    }
}
