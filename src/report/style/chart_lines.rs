//! The lines of a chart: an inner drawing in its own units, which is stretched to the width that there is.

use std::ops::RangeInclusive;

use maud::{Markup, html};

use super::chart::{Curve, Ink};
use super::scale::{Scale, drawable, short};

/// The most numbers below a chart and beside it.
pub(super) const TICKS: (usize, usize) = (5, 7);
/// The height of the lines' place in pixels.
pub(super) const HEIGHT: f64 = 190.0;
/// The width of the inner drawing in its own units.
pub(super) const WIDTH: f64 = 1000.0;
/// A thin line through more points is drawn in whole pixels, and any line through many more.
const MANY: [usize; 2] = [20, 60];

/// The two scales of a chart.
#[derive(Clone, Copy)]
pub(super) struct Axes {
    pub(super) x: Scale,
    pub(super) y: Scale,
    /// Whether the horizontal one has no places between whole numbers.
    pub(super) whole: bool,
}

/// How far from the top a value is.
pub(super) fn up(value: f64, axes: Axes) -> f64 {
    HEIGHT * (1.0 - axes.y.place(value))
}

/// The lines behind, of the inner drawing.
pub(super) fn mesh(axes: Axes) -> Markup {
    let line = |tick: f64| format!("M0 {}h{}", short(up(tick, axes)), short(WIDTH));
    let lines: String = axes.y.ticks(TICKS.1).into_iter().map(line).collect();
    html! { @if !lines.is_empty() { path.mesh d=(lines) {} } }
}

/// The lines of the inner drawing; what lies beyond the edge is cut off by the drawing itself. Lines that look alike
/// and stand together are one path.
pub(super) fn lines(curves: &[Curve], axes: Axes) -> String {
    let beyond = 4.0 * HEIGHT;
    let height = |y: f64| HEIGHT * (1.0 - (y - axes.y.low) / (axes.y.high - axes.y.low));
    let place = |(x, y): (f64, f64)| (axes.x.place(x) * WIDTH, height(y).clamp(-beyond, beyond));
    let alike = |a: &Curve, b: &Curve| look_of(a) == look_of(b);
    let of = |alike: &[Curve]| {
        let ways: String = alike.iter().map(|curve| way(curve, place)).collect();
        alike.first().filter(|_| !ways.is_empty()).map(|first| path(&look_of(first), &ways)).unwrap_or_default()
    };
    curves.chunk_by(alike).map(of).collect()
}

/// The attributes of a path.
pub(super) fn look_of(curve: &Curve) -> String {
    let look = &curve.look;
    let mut out = format!("class=\"{}\" stroke-width=\"{}\"", ink(look.ink), short(look.width));
    if let Some((on, off)) = look.dash {
        out += &format!(" stroke-dasharray=\"{on} {off}\"");
    }
    if look.opacity < 1.0 {
        out += &format!(" opacity=\"{:.2}\"", look.opacity);
    }
    if let Some(thing) = curve.thing {
        out += &format!(" data-thing=\"{thing}\"");
    }
    out
}

pub(super) fn path(look: &str, ways: &str) -> String {
    format!("<path {look} d=\"{ways}\"></path>")
}

/// The way of a line: where it begins, then from point to point. Empty if nothing can be seen.
pub(super) fn way(curve: &Curve, place: impl Fn((f64, f64)) -> (f64, f64)) -> String {
    let points = curve.points.iter().filter(|p| drawable(p.0) && drawable(p.1)).map(|p| place(*p));
    let points: Vec<(f64, f64)> = points.collect();
    if points.len() < 2 || curve.look.width == 0.0 {
        return String::new();
    }
    // Rounded before they are subtracted, so that nothing adds up.
    let thin = curve.look.width < 2.0;
    let grain = if points.len() > MANY[usize::from(!thin)] { 1.0 } else { 10.0 };
    let grains = |v: f64| (v * grain).round();
    let number = |grains: f64| short(grains / grain);
    let places: Vec<(f64, f64)> = points.into_iter().map(|(x, y)| (grains(x), grains(y))).collect();
    let mut out = format!("M{} {}l", number(places[0].0), number(places[0].1));
    let steps = places.windows(2).flat_map(|w| [w[1].0 - w[0].0, w[1].1 - w[0].1]).map(number);
    for step in steps {
        // A sign parts two numbers as well as a space does.
        if !out.ends_with('l') && !step.starts_with('-') {
            out.push(' ');
        }
        out += &step;
    }
    out
}

/// How near lines come to a height in a part of the width; infinite without lines there.
pub(super) fn distance(curves: &[Curve], part: RangeInclusive<f64>, height: f64, axes: Axes) -> f64 {
    const STEPS: u8 = 12;
    let (from, to) = part.into_inner();
    let places = (0..=STEPS).map(|step| from + (to - from) * f64::from(step) / f64::from(STEPS));
    let heights = places.flat_map(|x| curves.iter().filter_map(move |curve| height_at(curve, x, axes)));
    heights.map(|line| (line - height).abs()).fold(f64::INFINITY, f64::min)
}

/// Where a line is at a place of the width, between two of its points.
fn height_at(curve: &Curve, x: f64, axes: Axes) -> Option<f64> {
    let place = |p: &(f64, f64)| (axes.x.place(p.0), up(p.1, axes));
    curve
        .points
        .windows(2)
        .map(|w| (place(&w[0]), place(&w[1])))
        .find(|(a, b)| a.0 <= x && x <= b.0 && a.0 < b.0)
        .map(|(a, b)| a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0))
}

/// The class that gives a mark its colour.
pub(super) fn ink(ink: Ink) -> &'static str {
    const SERIES: [&str; 7] = ["k1", "k2", "k3", "k4", "k5", "k6", "k7"];
    match ink {
        Ink::Series(i) => SERIES[i % SERIES.len()],
        Ink::Soft => "k0",
    }
}

#[cfg(test)]
mod tests {
    use super::super::chart::line;
    use super::*;

    #[test]
    fn a_long_way_does_not_drift() {
        let points: Vec<(f64, f64)> = (0..600).map(|i| (f64::from(i), f64::from(i * 7 % 5) / 3.0)).collect();
        let out = way(&Curve::new("", points.clone(), line(Ink::Soft, 1.0)), |p| p);
        let (_, steps) = out.split_once('l').expect("a way");
        let numbers = steps.replace('-', " -");
        let steps: Vec<f64> = numbers.split_whitespace().map(|n| n.parse().expect("a number")).collect();
        let end = |from: usize| steps.iter().skip(from).step_by(2).sum::<f64>();
        assert_eq!((end(0), end(1)), (599.0, (points[599].1.round() - points[0].1.round())), "{out}");
    }

    #[test]
    fn lines_leave_room_above_or_below() {
        let scale = |high| Scale { low: 0.0, high };
        let axes = Axes { x: scale(10.0), y: scale(1.0), whole: false };
        let flat = Curve::new("", vec![(0.0, 0.5), (10.0, 0.5)], line(Ink::Soft, 1.0));
        let steep = Curve::new("", vec![(0.0, 0.0), (10.0, 1.0)], line(Ink::Soft, 1.0));
        assert_eq!(distance(std::slice::from_ref(&flat), 0.2..=0.4, 75.0, axes), 20.0);
        let nearest = distance(&[flat, steep], 0.2..=0.4, 130.0, axes);
        assert!(nearest < 4.0, "the steep line passes there: {nearest}");
        assert_eq!(distance(&[], 0.2..=0.4, 75.0, axes), f64::INFINITY);
    }
}
