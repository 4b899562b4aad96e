//! One row for each of several things, all on one scale: a dot for each training, a mean, an interval.
//!
//! Names and numbers are text of the page. Only marks are drawn, at places in per cent, so that nothing but the
//! distance between marks changes with the width of the page.

use maud::{Markup, html};

use super::scale::{Scale, drawable, percent};
use super::xml::closed;
use crate::measures::verdict::Direction;
use crate::text::measurement;

/// The height of a row in pixels.
const HEIGHT: i32 = 30;
/// Round numbers under the rows: so many do not touch each other on a phone.
const TICKS: usize = 5;
/// The most signs of all these numbers together, a space behind each.
const ROOM: usize = 20;

/// A number of each training, by condition.
pub(crate) struct DotPlot {
    /// What the number is.
    pub(crate) title: String,
    /// Which number is better.
    pub(crate) direction: Direction,
    pub(crate) rows: Vec<DotRow>,
    /// What no training reaches, with its name.
    pub(crate) floor: Option<(f64, String)>,
    /// What real photos reach, with its name.
    pub(crate) ceiling: Option<(f64, String)>,
}

/// One row of them.
#[derive(Default)]
pub(crate) struct DotRow {
    pub(crate) label: String,
    /// Where its name leads.
    pub(crate) href: Option<String>,
    /// The numbers, each with what it belongs to.
    pub(crate) dots: Vec<(f64, String)>,
    pub(crate) mean: Option<f64>,
    /// Where the true mean lies, low and high.
    pub(crate) interval: Option<(f64, f64)>,
}

/// What the marks of a plot are, where they are not those of trainings.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) dot: &'static str,
    /// Several dots.
    pub(crate) dots: &'static str,
    pub(crate) band: &'static str,
    /// Numbers that the scale holds in any case, so that several plots share it.
    pub(crate) range: Option<(f64, f64)>,
}

impl Default for Marks {
    fn default() -> Self {
        Self { dot: "one training", dots: "trainings", band: "95\u{a0}% interval of the mean", range: None }
    }
}

impl DotPlot {
    /// The whole figure; empty if no number can be drawn.
    pub(crate) fn svg(&self) -> Markup {
        self.svg_with(Marks::default())
    }

    /// The same with other marks.
    pub(crate) fn svg_with(&self, marks: Marks) -> Markup {
        let Some(scale) = self.scale(marks) else { return Markup::default() };
        let way = match self.direction {
            Direction::Higher => "further right is better",
            Direction::Lower => "further left is better",
        };
        closed(html! {
            figure.dots {
                figcaption { (self.title) small { (way) } }
                div.strips {
                    @for row in &self.rows { (self.row(row, scale, marks)) }
                    div.strip.axis aria-hidden="true" {
                        svg height="20" {
                            @for (tick, label) in numbers(scale) {
                                @let place = scale.place(tick);
                                text x=(percent(place)) y="14" text-anchor=(anchor(place)) { (label) }
                            }
                        }
                    }
                }
                (self.key(scale, marks))
            }
        })
    }

    /// The range of everything that must be seen. An interval of few trainings may be many times as wide as all
    /// trainings: it is cut at half of their range, and its numbers are written.
    fn scale(&self, marks: Marks) -> Option<Scale> {
        let ends = [&self.floor, &self.ceiling].into_iter().flatten().map(|(value, _)| *value);
        let ends = ends.chain(marks.range.into_iter().flat_map(|(low, high)| [low, high]));
        let numbers = self.rows.iter().flat_map(|row| row.dots.iter().map(|(value, _)| *value).chain(row.mean));
        let tight = Scale::exactly(ends.chain(numbers))?;
        let room = (tight.high - tight.low) / 2.0;
        let limits = self.rows.iter().filter_map(|row| row.interval).filter(|(l, h)| drawable(*l) && drawable(*h));
        let limits = limits.flat_map(|(low, high)| [low.max(tight.low - room), high.min(tight.high + room)]);
        Scale::over([tight.low, tight.high].into_iter().chain(limits))
    }

    fn row(&self, row: &DotRow, scale: Scale, marks: Marks) -> Markup {
        let middle = HEIGHT / 2;
        let at = |value: f64| percent(scale.place(value));
        let dots = || row.dots.iter().filter(|(value, _)| drawable(*value));
        let mean = row.mean.filter(|mean| drawable(*mean));
        let interval = row.interval.filter(|(low, high)| drawable(*low) && drawable(*high));
        let limits = |(low, high): (f64, f64)| format!("{} {} to {}", marks.band, measurement(low), measurement(high));
        html! {
            div.strip {
                div.name {
                    @match &row.href { Some(href) => a href=(href) { (row.label) }, None => (row.label) }
                }
                svg height=(HEIGHT) role="img" aria-label=(said(row, marks)) {
                    // Heights count from the middle.
                    g transform=(format!("translate(0 {middle})")) {
                        line.rule x2="100%" {}
                        @for (class, end) in [("floor", &self.floor), ("ceiling", &self.ceiling)] {
                            @if let Some((value, name)) = end && drawable(*value) {
                                line class=(class) x1=(at(*value)) x2=(at(*value)) y1=(-middle) y2=(middle) {
                                    title { (name) ": " (measurement(*value)) }
                                }
                            }
                        }
                        @if let Some((low, high)) = interval {
                            line.band x1=(at(low)) x2=(at(high)) { title { (limits((low, high))) } }
                        }
                        @for (value, name) in dots() {
                            circle cx=(at(*value)) { title { (name) ": " (measurement(*value)) } }
                        }
                        // The mean of one training is its dot.
                        @if let Some(mean) = mean.filter(|_| row.dots.len() != 1) {
                            line.mean x1=(at(mean)) x2=(at(mean)) y1=(4 - middle) y2=(middle - 4) {
                                title { "mean " (measurement(mean)) }
                            }
                        }
                    }
                }
                div.value { @match mean { Some(mean) => (measurement(mean)), None => "–" } }
            }
        }
    }

    /// What the marks mean.
    fn key(&self, scale: Scale, marks: Marks) -> Markup {
        let any = |has: fn(&DotRow) -> bool| self.rows.iter().any(has);
        let ends = [("floor", &self.floor), ("ceiling", &self.ceiling)];
        let mut limits = self.rows.iter().filter_map(|row| row.interval);
        let cut = limits.any(|(low, high)| !scale.holds(low) || !scale.holds(high));
        html! {
            p.key {
                @if any(|row| !row.dots.is_empty()) { span { i.dot {} (marks.dot) } }
                @if any(|row| row.mean.is_some() && row.dots.len() != 1) { span { i.mean {} "mean" } }
                @if any(|row| row.interval.is_some()) {
                    span { i.band {} (marks.band) @if cut { " (wider than the chart where it ends at the edge)" } }
                }
                @for (class, end) in ends {
                    @if let Some((value, name)) = end && drawable(*value) {
                        span { i class=(class) {} (name) " " (measurement(*value)) }
                    }
                }
            }
        }
    }
}

/// A row in words.
fn said(row: &DotRow, marks: Marks) -> String {
    let number = |value: &f64| drawable(*value).then(|| measurement(*value));
    let mut parts = Vec::new();
    parts.extend(row.mean.as_ref().and_then(number).map(|mean| format!("mean {mean}")));
    let limits = row.interval.and_then(|(low, high)| number(&low).zip(number(&high)));
    parts.extend(limits.map(|(low, high)| format!("{} {low} to {high}", marks.band)));
    let dots: Vec<String> = row.dots.iter().filter_map(|(value, _)| number(value)).collect();
    match dots.len() {
        0 => {}
        1..=8 => parts.push(format!("{} {}", marks.dots, dots.join(", "))),
        n => parts.push(format!("{n} {}", marks.dots)),
    }
    let numbers = if parts.is_empty() { "no number".to_owned() } else { parts.join(", ") };
    if row.label.is_empty() { numbers } else { format!("{}: {numbers}", row.label) }
}

/// The numbers below, as few and as short as a narrow card needs.
fn numbers(scale: Scale) -> Vec<(f64, String)> {
    let said = |most: usize| {
        let ticks = scale.ticks(most);
        let mut labels: Vec<String> = ticks.iter().map(|tick| scale.say(*tick)).collect();
        let longer = |label: &String| label.contains('.') && !label.contains('e') && label.ends_with(['0', '.']);
        while !labels.is_empty() && labels.iter().all(longer) {
            labels.iter_mut().for_each(|label| label.truncate(label.len() - 1));
        }
        ticks.into_iter().zip(labels).collect::<Vec<_>>()
    };
    let fits = |numbers: &Vec<(f64, String)>| numbers.iter().map(|n| n.1.chars().count() + 1).sum::<usize>() <= ROOM;
    (1..=TICKS).rev().map(said).find(fits).unwrap_or_default()
}

/// A number at an end of the axis stays inside.
fn anchor(place: f64) -> &'static str {
    match place {
        p if p < 0.06 => "start",
        p if p > 0.94 => "end",
        _ => "middle",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_are_short_and_have_room() {
        let labels = |low, high| numbers(Scale { low, high }).into_iter().map(|n| n.1).collect::<Vec<_>>();
        assert_eq!(labels(0.0, 0.92), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(0.7705, 0.7815), ["0.775", "0.780"]);
        assert_eq!(labels(-30.0, 110.0), ["0", "50", "100"]);
    }

    fn plot(rows: Vec<DotRow>) -> DotPlot {
        DotPlot {
            title: "likeness <b>".into(),
            direction: Direction::Higher,
            rows,
            floor: Some((0.0, "base model".into())),
            ceiling: Some((1.0, "real photos".into())),
        }
    }

    fn row(label: &str, values: &[f64]) -> DotRow {
        let dots: Vec<_> = values.iter().enumerate().map(|(i, v)| (*v, format!("seed {i}"))).collect();
        DotRow { label: label.into(), dots, ..DotRow::default() }
    }

    #[test]
    fn a_row_says_its_numbers_and_names_are_text() {
        let mut hostile = row("</svg><script>\"&'", &[0.25, 0.75]);
        (hostile.mean, hostile.interval) = (Some(0.5), Some((0.4, 0.6)));
        hostile.href = Some("#c1".into());
        let page = plot(vec![hostile]).svg().into_string();
        assert!(!page.contains("<script>") && !page.contains("<b>") && page.contains("href=\"#c1\""), "{page}");
        assert!(
            page.contains("mean 0.5000, 95\u{a0}% interval of the mean 0.4000 to 0.6000, trainings 0.2500, 0.7500"),
            "{page}"
        );
        assert_eq!(page.matches("<circle").count(), 2);
        // The mean lies between floor and ceiling, in the middle.
        assert!(page.contains("<line class=\"mean\" x1=\"50%\""), "{page}");
    }

    #[test]
    fn an_interval_of_two_trainings_does_not_squeeze_the_dots() {
        let mut wide = row("two", &[0.49, 0.51]);
        wide.interval = Some((-3.0, 4.0));
        let scale = plot(vec![wide]).scale(Marks::default()).expect("a scale");
        assert!(scale.low > -0.7 && scale.high < 1.7, "{scale:?}");
    }

    #[test]
    fn odd_numbers_draw_nothing_false() {
        let nothing = DotPlot { floor: None, ceiling: None, ..plot(vec![row("a", &[f64::NAN])]) };
        assert_eq!(nothing.svg().into_string(), "");
        let page = plot(vec![row("a", &[f64::NAN, f64::INFINITY, 1e308, 0.5]), row("", &[])]).svg().into_string();
        assert_eq!(page.matches("<circle").count(), 1);
        assert!(!page.contains("NaN") && !page.contains("inf") && page.contains("aria-label=\"no number\""), "{page}");
    }
}
