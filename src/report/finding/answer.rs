//! What an answer is: one plain sentence, one number with its interval, and what else must be known.

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What is asked.
    pub(crate) question: &'static str,
    /// The answer.
    pub(crate) sentence: String,
    /// The one number behind it.
    pub(crate) number: Option<Number>,
    /// What else must be known, each a sentence.
    pub(crate) more: Vec<String>,
}

/// A number with its unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    /// The number itself, e.g. `58 %`.
    pub(crate) value: String,
    /// Of what.
    pub(crate) of: String,
    /// How sure it is, e.g. `31 to 85 %`; empty where that is not known.
    pub(crate) interval: String,
}

impl Number {
    /// In one line of text: `58 % of the way to real photos (95 % interval 31 to 85 %)`.
    pub(crate) fn text(&self) -> String {
        let interval = if self.interval.is_empty() { String::new() } else { format!(" ({})", self.interval) };
        format!("{} {}{interval}", self.value, self.of)
    }
}

/// Shares in percent as people say them: whole numbers, a true minus, no digits that mean nothing.
pub(super) fn whole(share: f64) -> String {
    let percent = (share * 100.0).round();
    // Adding 0 makes −0 a 0.
    format!("{}\u{a0}%", format!("{:.0}", percent + 0.0).replace('-', "−"))
}

/// The interval of a share: `95 % interval 31 to 85 %`.
pub(super) fn interval(low: Option<f64>, high: Option<f64>) -> String {
    let (Some(low), Some(high)) = (low, high) else { return String::new() };
    format!("95\u{a0}% interval {} to {}", whole(low), whole(high))
}

/// A change of a loss in percent, with its sign and interval, as a number.
pub(super) fn change(mean: f64, low: Option<f64>, high: Option<f64>, of: String) -> Number {
    let signed = |share: f64| {
        let sign = if (share * 1000.0).round() > 0.0 { "+" } else { "" };
        let percent = (share * 1000.0).round() / 10.0 + 0.0;
        format!("{sign}{percent:.1}\u{a0}%").replace('-', "−")
    };
    let interval = low.zip(high).map(|(low, high)| format!("95\u{a0}% interval {} to {}", signed(low), signed(high)));
    Number { value: signed(mean), of, interval: interval.unwrap_or_default() }
}
