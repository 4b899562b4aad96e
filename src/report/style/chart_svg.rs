//! Charts as parts of the page: SVG in the page's colours.
//!
//! Places across are in per cent and places up in pixels, so a chart is as wide as there is room and its texts keep
//! their size. Lines are drawn in an inner drawing that is stretched; their width is not.

use maud::{Markup, PreEscaped, html};

use super::chart::{Curve, Figure, Look, Mark, Panel};
use super::chart_lines::{Axes, HEIGHT, TICKS, WIDTH, distance, ink, lines, look_of, mesh, path, up, way};
use super::scale::{drawable, percent, short};
use super::xml::closed;
use crate::text::measurement;

/// The height of one row of numbers below.
const ROW: f64 = 17.0;
/// The radius of a point that states none, as the style has it.
const USUAL: i32 = 3;
/// More names than this are folded.
const NAMES: usize = 8;
impl Figure {
    /// All charts and what the lines mean; empty if no chart has a point.
    pub(crate) fn svg(&self) -> Markup {
        let Some((x, y)) = self.across().zip(self.y) else { return Markup::default() };
        let axes = Axes { x, y, whole: self.whole() };
        let cut = self.panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points).any(|p| p.1 > y.high);
        closed(html! {
            div.charts data-low=(x.low) data-high=(x.high) data-across=(self.x_label) {
                @if !self.title.is_empty() { h3 { (self.title) } }
                div.panels { @for panel in &self.panels { (self.panel(panel, axes)) } }
                (self.key())
                @if y.low > 0.0 || cut {
                    p.soft.small {
                        @if y.low > 0.0 { "The vertical axis begins at " (y.say(y.low)) ", not at 0. " }
                        @if cut { "Values above " (y.say(y.high)) " are beyond the edge of the chart." }
                    }
                }
            }
        })
    }

    fn panel(&self, panel: &Panel, axes: Axes) -> Markup {
        let rows = 1 + usize::from(panel.second.is_some()) + usize::from(self.wide_label());
        let height = HEIGHT + rows as f64 * ROW;
        html! {
            figure.chart {
                @if !panel.title.is_empty() { figcaption { (panel.title) } }
                p.up aria-hidden="true" { (self.y_label) }
                svg height=(short(height)) role="img" aria-label=(said(panel, &self.x_label)) {
                    (self.numbers(panel, axes))
                    svg viewBox={ "0 0 " (short(WIDTH)) " " (short(HEIGHT)) } width="100%" height=(short(HEIGHT))
                        preserveAspectRatio="none" { (mesh(axes)) (PreEscaped(lines(&panel.curves, axes))) }
                    @for (place, curve) in panel.curves.iter().enumerate() {
                        (self.dots(curve, &panel.curves[place + 1..], axes))
                    }
                    @for mark in &panel.marks { (named(mark, &panel.curves, axes)) }
                }
            }
        }
    }

    /// Whether the label of the horizontal axis is wider than the place beside its numbers.
    fn wide_label(&self) -> bool {
        self.x_label.chars().count() > 5
    }

    /// The numbers beside a chart and below it.
    fn numbers(&self, panel: &Panel, axes: Axes) -> Markup {
        let ticks = axes.x.ticks(TICKS.0).into_iter().filter(|tick| !axes.whole || tick.fract() == 0.0);
        let ticks: Vec<f64> = ticks.collect();
        let second = |tick: f64, factor: f64| {
            let value = tick * factor;
            if value.fract() == 0.0 || value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") }
        };
        html! {
            g.left transform="translate(-7 4)" {
                @for tick in axes.y.ticks(TICKS.1) { text y=(short(up(tick, axes))) { (axes.y.say(tick)) } }
            }
            line.edge x2="100%" y1=(short(HEIGHT)) y2=(short(HEIGHT)) {}
            g transform=(format!("translate(0 {})", short(HEIGHT + ROW - 2.0))) {
                @for tick in &ticks { text x=(percent(axes.x.place(*tick))) { (axes.x.say(*tick)) } }
                @if self.wide_label() { text x="50%" y=(short(ROW + 2.0)) { (self.x_label) } }
                @else { text.left x="-16" { (self.x_label) } }
            }
            @if let Some(factor) = panel.second {
                g transform=(format!("translate(0 {})", short(HEIGHT + 2.0 * ROW - 2.0))) {
                    @for tick in &ticks { text x=(percent(axes.x.place(*tick))) { (second(*tick, factor)) } }
                    text.left x="-16" { (self.second_label) }
                }
            }
        }
    }

    /// The points of a curve, each with its numbers. One that lies under a point of a curve above is left out.
    fn dots(&self, curve: &Curve, above: &[Curve], axes: Axes) -> Markup {
        let own = radius(curve);
        let covers = |other: &Curve| radius(other) >= own && ink(other.look.ink) == ink(curve.look.ink);
        let covered = |p: &(f64, f64)| above.iter().any(|other| covers(other) && other.points.contains(p));
        let shown = |p: &&(f64, f64)| drawable(p.0) && axes.y.holds(p.1) && !covered(p);
        let points: Vec<&(f64, f64)> = curve.points.iter().filter(|p| own > 0 && shown(p)).collect();
        let role = if curve.look.width >= 2.0 { "main" } else { "side" };
        let unusual = (own != USUAL).then_some(own);
        html! {
            @if !points.is_empty() {
                g class=(format!("{} {role}", ink(curve.look.ink))) data-thing=[curve.thing] {
                    // The name once; the script puts it before each number.
                    @if !curve.name.is_empty() { title { (curve.name) } }
                    @for (x, y) in points {
                        circle cx=(percent(axes.x.place(*x))) cy=(short(up(*y, axes))) r=[unusual] {
                            title {
                                (measurement(*y))
                                @if !self.x_label.is_empty() { " at " (self.x_label) " " (number(*x)) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// What the lines mean, as text beside a piece of each.
    fn key(&self) -> Markup {
        let piece = |look: &Look| {
            let line = Curve::new("", vec![(0.0, 6.0), (30.0, 6.0)], Look { opacity: look.opacity.max(0.4), ..*look });
            html! {
                svg width="30" height="12" aria-hidden="true" {
                    @if look.width > 0.0 {
                        (PreEscaped(path(&look_of(&line), &way(&line, |p| p))))
                    }
                    @if look.dots > 0 { circle class=(ink(look.ink)) cx="15" cy="6" r=(look.dots.min(6)) {} }
                }
            }
        };
        let list = html! {
            ul.key {
                @for entry in &self.legend {
                    li { span data-thing=[entry.thing] { (piece(&entry.look)) bdi { (entry.name) } } }
                }
            }
        };
        html! {
            @match self.legend.len() {
                0 => {}
                n if n > NAMES => details { summary { "The " (n) " names" } (list) },
                _ => (list),
            }
        }
    }
}

/// The radius of a curve's points; 0 draws none. A line from a place to itself cannot be seen, so it is a dot.
fn radius(curve: &Curve) -> i32 {
    let one_place = curve.points.windows(2).all(|w| w[0] == w[1]);
    if one_place { curve.look.dots.max(4) } else { curve.look.dots }
}

/// A place with a ring around it and its name below or above it, where the lines leave more room.
fn named(mark: &Mark, curves: &[Curve], axes: Axes) -> Markup {
    /// How much of the width a name takes, about.
    const NAME: f64 = 0.24;
    /// From the place to the foot of the name, below and above, and from there to its middle.
    const FEET: [f64; 2] = [21.0, -12.0];
    const MIDDLE: f64 = -4.0;
    let (x, y) = (axes.x.place(mark.at.0), up(mark.at.1, axes));
    let (anchor, left) = match x {
        x if x < 0.25 => ("start", x),
        x if x > 0.75 => ("end", x - NAME),
        _ => ("middle", x - NAME / 2.0),
    };
    let under = |foot: &f64| (MIDDLE.abs()..=HEIGHT - 5.0).contains(&(y + foot + MIDDLE));
    let room = |foot: &f64| distance(curves, left..=left + NAME, y + foot + MIDDLE, axes);
    let foot = FEET.into_iter().filter(under).max_by(|a, b| room(a).total_cmp(&room(b))).unwrap_or(FEET[0]);
    html! {
        circle class={ "ring " (ink(mark.ink)) } cx=(percent(x)) cy=(short(y)) r="8" {}
        text.name x=(percent(x)) y=(short(y + foot)) style={ "text-anchor:" (anchor) } { (mark.text) }
    }
}

/// A chart in words: the ends of its main lines.
fn said(panel: &Panel, across: &str) -> String {
    let ends = |curve: &Curve| {
        let (first, last) = (curve.points.first()?, curve.points.last()?);
        let at = |p: &(f64, f64)| format!("{} at {across} {}", measurement(p.1), number(p.0));
        Some(if first == last {
            format!("{}: {}", curve.name, at(first))
        } else {
            format!("{}: {}, {}", curve.name, at(first), at(last))
        })
    };
    let main = panel.curves.iter().filter(|c| !c.name.is_empty() && c.look.width > 1.5).take(8).filter_map(ends);
    let said: Vec<String> = main.chain(panel.marks.iter().map(|mark| mark.text.clone())).collect();
    let title = if panel.title.is_empty() { "Chart" } else { &panel.title };
    format!("{title}. {}", said.join("; "))
}

/// A number across.
fn number(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e7 { format!("{x:.0}") } else { measurement(x) }
}

#[cfg(test)]
mod tests {
    use super::super::chart::{Entry, Ink, line};
    use super::super::scale::Scale;
    use super::super::xml::well_formed;
    use super::*;

    fn figure(curves: Vec<Curve>) -> Figure {
        let panel = Panel { title: "</figcaption><script>alert(1)</script>\"'&".into(), curves, ..Panel::default() };
        Figure {
            name: "",
            title: "<i>".into(),
            x_label: "step".into(),
            second_label: "passes",
            y_label: "loss",
            legend: vec![Entry::new("<b onclick=\"x\">", line(Ink::Soft, 1.0))],
            panels: vec![Panel {
                marks: vec![Mark { at: (1.0, 1.0), text: "<u>".into(), ink: Ink::Soft }],
                second: Some(0.5),
                ..panel
            }],
            x: None,
            y: Some(Scale { low: 0.0, high: 2.0 }),
        }
    }

    fn dotted(points: &[(f64, f64)]) -> Curve {
        Curve::new("a <\"> line", points.to_vec(), Look { dots: 3, ..line(Ink::Series(8), 2.0) })
    }

    #[test]
    fn texts_stay_texts_and_elements_are_closed() {
        let page = figure(vec![dotted(&[(0.0, 0.0), (2.0, 2.0)])]).svg().into_string();
        assert_eq!(well_formed(&page), Ok(()), "{page}");
        for raw in ["<script", "<b ", "<u>", "<i>"] {
            assert!(!page.contains(raw), "{raw}: {page}");
        }
        // The first point is at the bottom left, the eighth colour is the first again.
        assert!(
            page.contains("<g class=\"k2 main\"><title>a &lt;&quot;&gt; line</title><circle cx=\"0%\" cy=\"190\">"),
            "{page}"
        );
        assert!(page.contains("<path class=\"k2\" stroke-width=\"2\" d=\"M0 190l1000-190\"/>"), "{page}");
        assert!(page.contains("<title>2.000 at step 2</title>"), "{page}");
        // Ten units of a second axis that counts halves.
        assert!(page.contains(">passes</text>") && page.contains(">0.5</text>"), "{page}");
    }

    #[test]
    fn odd_numbers_are_left_out_and_one_place_is_a_dot() {
        let odd = [(0.0, f64::NAN), (f64::INFINITY, 1.0), (1.0, 1e308), (2.0, 1.0)];
        let mut figure = figure(vec![dotted(&odd), Curve::new("", vec![(1.0, 1.0)], line(Ink::Soft, 1.0))]);
        figure.x = Some(Scale { low: 0.0, high: 2.0 });
        let page = figure.svg().into_string();
        assert_eq!(well_formed(&page), Ok(()), "{page}");
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
        assert!(page.contains("</title><circle cx=\"100%\" cy=\"95\">"), "{page}");
        assert!(page.contains("<g class=\"k0 side\"><circle cx=\"50%\" cy=\"95\" r=\"4\">"), "{page}");
        assert_eq!(page.matches("<circle cx").count(), 2, "{page}");
    }

    #[test]
    fn alike_lines_are_one_path_and_covered_points_are_left_out() {
        let thin = |y| Curve::new("thin", vec![(0.0, 1.0), (2.0, y)], Look { dots: 3, ..line(Ink::Series(1), 1.0) });
        let mean = dotted(&[(0.0, 1.0), (2.0, 0.5)]);
        let page = figure(vec![thin(0.0), thin(1.0), mean]).svg().into_string();
        assert!(page.contains("d=\"M0 95l1000 95M0 95l1000 0\"/>"), "{page}");
        assert_eq!(page.matches("<circle cx").count(), 4, "two ends, and two points of the line above: {page}");
    }

    #[test]
    fn without_a_point_there_is_nothing_and_a_cut_is_said() {
        assert_eq!(figure(Vec::new()).svg().into_string(), "");
        let page = figure(vec![dotted(&[(0.0, 0.0), (2.0, 9.0)])]).svg().into_string();
        assert!(page.contains("Values above 2 are beyond the edge of the chart."), "{page}");
    }
}
