//! What a chart shows: panels on shared axes with one legend. `chart_png` makes pixels of it, `chart_svg` a part of the
//! page.

use super::scale::Scale;

/// One chart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) curves: Vec<Curve>,
    /// Places that are named.
    pub(crate) marks: Vec<Mark>,
    /// What one unit of the horizontal axis is on a second one.
    pub(crate) second: Option<f64>,
}

/// One line of a chart.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// What its points are; said where one points at them.
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) look: Look,
    /// Lines of all panels with the same number are one thing: who picks one sees all of them.
    pub(crate) thing: Option<usize>,
}

/// A named place.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) at: (f64, f64),
    pub(crate) text: String,
    pub(crate) ink: Ink,
}

/// What something is drawn with. On the page these are the colours of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ink {
    /// One of the seven colours for things of a kind, counted from 0; more begin again.
    Series(usize),
    /// The colour of axes and references.
    Soft,
}

/// How a line looks; colour is never the only difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) ink: Ink,
    pub(crate) opacity: f64,
    /// Pixels on the finished picture; 0 draws no line.
    pub(crate) width: f64,
    /// Length of dashes and of gaps in pixels; `None` is a solid line.
    pub(crate) dash: Option<(i32, i32)>,
    /// The radius of the dot on each point, in pixels; 0 draws none.
    pub(crate) dots: i32,
}

/// A whole picture.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Its file; empty for what is on the page only.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) x_label: String,
    /// What the second horizontal axis counts.
    pub(crate) second_label: &'static str,
    pub(crate) y_label: &'static str,
    pub(crate) panels: Vec<Panel>,
    pub(crate) legend: Vec<Entry>,
    /// `None` is from the first point to the last.
    pub(crate) x: Option<Scale>,
    /// `None` if there is no point.
    pub(crate) y: Option<Scale>,
}

/// What a line means.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) look: Look,
    /// The thing that it names, see [`Curve::thing`].
    pub(crate) thing: Option<usize>,
}

/// A solid line.
pub(crate) const fn line(ink: Ink, width: f64) -> Look {
    Look { ink, opacity: 1.0, width, dash: None, dots: 0 }
}

impl Curve {
    /// A line that belongs to nothing.
    pub(crate) fn new(name: impl Into<String>, points: Vec<(f64, f64)>, look: Look) -> Self {
        Self { name: name.into(), points, look, thing: None }
    }
}

impl Entry {
    /// An entry that belongs to nothing.
    pub(crate) fn new(name: impl Into<String>, look: Look) -> Self {
        Self { name: name.into(), look, thing: None }
    }
}

impl Figure {
    /// The horizontal axis; `None` if there is no point.
    pub(crate) fn across(&self) -> Option<Scale> {
        let points = self.panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points);
        let found = points.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.0), h.max(p.0)));
        let found = match found {
            (low, high) if low < high => Some(Scale { low, high }),
            (low, high) if low == high => Some(Scale { low: low - 0.5, high: high + 0.5 }),
            _ => None,
        };
        self.x.or(found)
    }

    /// Whether the horizontal axis has no places between whole numbers.
    pub(crate) fn whole(&self) -> bool {
        self.panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points).all(|p| p.0.fract() == 0.0)
    }
}
