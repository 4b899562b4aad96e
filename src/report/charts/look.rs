//! What the charts share: colours, looks, names and ranges.

use plotters::style::RGBColor;

use crate::report::data::{CellData, StudyData};
use crate::report::style::chart::{Look, Panel, line};
use crate::report::titles;

/// A study with more cells than this shows all of them in one chart.
pub(super) const MAX_PANELS: usize = 12;

/// Okabe and Ito's colours, which stay apart for colour-blind readers.
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];
pub(super) const BLUE: RGBColor = COLOURS[0];
pub(super) const ORANGE: RGBColor = COLOURS[1];
pub(super) const GREEN: RGBColor = COLOURS[2];

/// A cell's name, with the reason why its chart is empty.
pub(super) fn panel_title(data: &StudyData, cell: &CellData, empty: bool) -> String {
    let name = titles::full_title(data, cell);
    match cell.problems.first() {
        Some(p) if empty && p.failed => format!("{name}: failed"),
        _ if empty => format!("{name}: no values"),
        _ => name,
    }
}

/// A look for the i-th of many lines: colours first, then dashes.
pub(super) fn many(i: usize) -> Look {
    let dashes = [None, Some((9, 5)), Some((3, 4)), Some((14, 4))];
    Look { dash: dashes[i / COLOURS.len() % dashes.len()], ..line(COLOURS[i % COLOURS.len()], 1.8) }
}

/// Lowest and highest value with a margin.
pub(super) fn spread(panels: &[Panel]) -> (f64, f64) {
    let ys = panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points).map(|p| p.1);
    let (low, high) = ys.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
    let margin = ((high - low) * 0.08).max(1e-9 + high.abs() * 1e-3);
    (low - margin, high + margin)
}
