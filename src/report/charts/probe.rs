//! `probe.png`: the probe loss over the steps.

use crate::report::data::{CellData, StudyData};
use crate::report::error::ReportError;
use crate::report::style::chart::{Curve, Figure, GREY, Look, Panel, line};

use super::look::{BLUE, GREEN, MAX_PANELS, ORANGE, many, panel_title, spread};

/// The probe loss over the steps, on training photos and on photos never trained on. `None` without data.
pub(crate) fn probe(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    let held_out = line(ORANGE, 2.6);
    let train = Look { dash: Some((9, 5)), ..line(BLUE, 2.2) };
    let class = Look { dash: Some((3, 4)), ..line(GREEN, 2.0) };
    let base = Look { dash: Some((2, 3)), ..line(GREY, 1.4) };
    let cells = &data.cells;
    let any = |split: &str| cells.iter().any(|c| !c.probe.probe(split).is_empty());
    let unseen = any("held_out");
    let (panels, legend) = if cells.len() <= MAX_PANELS {
        let panel = |cell: &CellData| {
            let points = |split: &str| cell.probe.probe(split);
            let curves = vec![
                Curve { points: level(&points("held_out")), look: base },
                Curve { points: points("class"), look: class },
                Curve { points: points("train"), look: train },
                Curve { points: points("held_out"), look: held_out },
            ];
            Panel { title: panel_title(data, cell, cell.probe.rows.is_empty()), curves }
        };
        let legend = [
            ("held-out photos", held_out, unseen),
            ("training photos", train, true),
            ("class images", class, any("class")),
            ("base model on held-out photos", base, unseen),
        ];
        let legend = legend.into_iter().filter(|(_, _, shown)| *shown).map(|(name, look, _)| (name.to_owned(), look));
        (cells.iter().map(panel).collect(), legend.collect())
    } else {
        let (split, photos) = if unseen { ("held_out", "held-out photos") } else { ("train", "training photos") };
        let curve = |(i, cell): (usize, &CellData)| Curve { points: cell.probe.probe(split), look: many(i) };
        let title = format!("{} cells, {photos}", cells.len());
        (vec![Panel { title, curves: cells.iter().enumerate().map(curve).collect() }], Vec::new())
    };
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

/// The first value, drawn across: what the model did before training.
fn level(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => vec![*first, (last.0, first.1)],
        _ => Vec::new(),
    }
}
