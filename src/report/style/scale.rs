//! From numbers to places: the range of a chart, its round numbers, and how they are written.

/// Numbers beyond this are no measurements, and their differences may overflow.
const LARGEST: f64 = 1e300;

/// A range of numbers, drawn along one side of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Whether a number can be drawn.
pub(crate) fn drawable(value: f64) -> bool {
    value.is_finite() && value.abs() < LARGEST
}

impl Scale {
    /// Exactly from the lowest to the highest number; `None` if there is none. A single number is in the middle.
    pub(crate) fn exactly(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values = values.into_iter().filter(|v| drawable(*v));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return None;
        }
        let room = if high > low { 0.0 } else { (low.abs() * 0.05).max(1e-9) };
        Some(Self { low: low - room, high: high + room })
    }

    /// The same with a margin at both ends, so that nothing lies on the edge.
    pub(crate) fn over(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let scale = Self::exactly(values)?;
        let margin = ((scale.high - scale.low) * 0.06).max(scale.high.abs() * 1e-6);
        Some(Self { low: scale.low - margin, high: scale.high + margin })
    }

    /// Where a number lies: 0 is the low end, 1 the high one. What lies beyond is drawn at the end.
    pub(crate) fn place(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Whether a number lies inside.
    pub(crate) fn holds(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Round numbers inside, at most `most` of them.
    pub(crate) fn ticks(self, most: usize) -> Vec<f64> {
        let range = self.high - self.low;
        let power = 10f64.powf((range / most.max(1) as f64).log10().floor());
        let count = |step: f64| (self.high / step).floor() - (self.low / step).ceil() + 1.0;
        let steps = [1.0, 2.0, 5.0, 10.0, 20.0].map(|s| s * power);
        let fits = |step: &f64| count(*step) <= most as f64;
        let Some(step) = steps.into_iter().find(|step| step.is_normal() && fits(step)) else { return Vec::new() };
        let first = (self.low / step).ceil();
        // Adding 0 makes −0 a 0.
        (0..most).map(|i| (first + i as f64) * step + 0.0).filter(|v| *v <= self.high).collect()
    }

    /// A number with as many decimals as the range needs.
    pub(crate) fn say(self, value: f64) -> String {
        axis_number(value, self.high - self.low).replace('-', "−")
    }
}

/// As many decimals as an axis of this range needs.
pub(crate) fn axis_number(v: f64, range: f64) -> String {
    if range < 2e-6 || v.abs() >= 1e7 {
        return format!("{v:.3e}");
    }
    let decimals = if range >= 20.0 || v.fract() == 0.0 && range >= 2.0 {
        0
    } else if range >= 2.0 {
        1
    } else if range >= 0.2 {
        2
    } else if range >= 0.02 {
        3
    } else if range >= 2e-4 {
        5
    } else {
        8
    };
    format!("{v:.decimals$}")
}

/// A place as SVG writes it: `37.5%`.
pub(crate) fn percent(place: f64) -> String {
    format!("{}%", short(place * 100.0))
}

/// A coordinate with no more digits than can be seen.
pub(crate) fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = |low, high, most| Scale { low, high }.ticks(most);
        assert_eq!(ticks(0.0, 360.0, 5), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(ticks(-0.5, 1.5, 5), [-0.5, 0.0, 0.5, 1.0, 1.5]);
        assert!((2..=4).contains(&ticks(0.3, 0.3001, 4).len()));
        for (low, high) in [(0.0, 1e-300), (-1e299, 1e299), (1e-12, 2e-12), (5.0, 5.000_001), (0.0, 7.0)] {
            for most in 0..7 {
                assert!(ticks(low, high, most).len() <= most, "{low} {high} {most}");
            }
        }
    }

    #[test]
    fn one_number_is_in_the_middle_and_none_has_no_scale() {
        assert!((Scale::over([0.5]).expect("a scale").place(0.5) - 0.5).abs() < 1e-9);
        assert_eq!(Scale::over([0.0]).expect("a scale").place(0.0), 0.5);
        assert_eq!(Scale::over([f64::NAN, f64::INFINITY, 1e305]), None);
        let scale = Scale::over([f64::NAN, 1.0, 3.0]).expect("a scale");
        assert!(scale.holds(1.0) && scale.place(1.0) > 0.0 && scale.place(9.0) == 1.0);
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([short(0.04), short(-0.01), short(12.34), short(7.0)], ["0", "0", "12.3", "7"]);
        assert_eq!(percent(0.375), "37.5%");
    }
}
