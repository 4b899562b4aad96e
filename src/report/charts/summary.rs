//! `summary.png`: the losses after the training over the main axis.

use crate::report::data::StudyData;
use crate::report::error::ReportError;
use crate::report::style::chart::{Curve, Figure, GREY, Look, Panel, line};
use crate::report::{axis, titles};

use super::look::{BLUE, MAX_PANELS, ORANGE, spread};

/// Final losses over the main axis; `None` unless that axis has two or more numbers.
pub(crate) fn summary(data: &StudyData) -> Result<Option<Vec<u8>>, ReportError> {
    let Some(main) = titles::main_axis(data) else { return Ok(None) };
    let held_out = Look { dots: true, ..line(ORANGE, 2.6) };
    let train = Look { dots: true, dash: Some((9, 5)), ..line(BLUE, 2.2) };
    let base = Look { dash: Some((2, 3)), ..line(GREY, 1.4) };
    let mut panels: Vec<Panel> = Vec::new();
    for cell in &data.cells {
        let own = cell.assignments.iter().find(|s| s.key == main);
        let Some(x) = own.and_then(|s| s.value.parse().ok()).filter(|x: &f64| x.is_finite()) else { continue };
        let title = axis::say_all(titles::other_assignments(data, cell));
        if panels.last().is_none_or(|p| p.title != title) && !panels.iter().any(|p| p.title == title) {
            let curves = [base, train, held_out].map(|look| Curve { points: Vec::new(), look });
            panels.push(Panel { title: title.clone(), curves: curves.into() });
        }
        let Some(panel) = panels.iter_mut().find(|p| p.title == title) else { continue };
        for (curve, name) in panel.curves.iter_mut().zip(["baseline_probe_held_out", "probe_train", "probe_held_out"]) {
            curve.points.extend(cell.value(name).map(|y| (x, y)));
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
        x_label: axis::label(main),
        y_label: "probe loss",
        y: spread(&panels),
        panels,
        legend,
    }
    .draw()
}
