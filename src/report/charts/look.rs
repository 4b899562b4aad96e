//! What the charts share: colours, looks, names and ranges.

use crate::report::data::{CellData, StudyData};
use crate::report::naming::titles;
use crate::report::style::chart::{Ink, Look, Panel, line};
use crate::report::style::scale::{Scale, drawable};

/// A study with more cells than this shows all of them in one chart.
pub(super) const MAX_PANELS: usize = 12;

/// The most points of a chart that are drawn as dots one can point at.
pub(super) const DOTS: usize = 160;

/// How many colours there are before they begin again.
const COLOURS: usize = 7;

/// The loss on held-out photos.
pub(super) const HELD_OUT: Look = line(Ink::Series(1), 2.6);
/// The loss on training photos.
pub(super) const TRAIN: Look = Look { dash: Some((9, 5)), ..line(Ink::Series(0), 2.2) };
/// The loss on class images.
pub(super) const CLASS: Look = Look { dash: Some((3, 4)), ..line(Ink::Series(2), 2.0) };
/// What the base model reaches.
pub(super) const BASE: Look = Look { dash: Some((2, 3)), ..line(Ink::Soft, 1.4) };

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
    Look { dash: dashes[i / COLOURS % dashes.len()], ..line(Ink::Series(i % COLOURS), 1.8) }
}

/// From the lowest to the highest value, with a margin; `None` without a value.
pub(super) fn spread(panels: &[Panel]) -> Option<Scale> {
    let ys = panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points).map(|p| p.1).filter(|y| drawable(*y));
    let (low, high) = ys.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
    let margin = ((high - low) * 0.08).max(1e-9 + high.abs() * 1e-3);
    (low <= high).then_some(Scale { low: low - margin, high: high + margin })
}
