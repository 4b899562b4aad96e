//! How settings and numbers are said: `5 photos`, `rank 16`, `0.1234`, `−12.3 %`.

use crate::report::data::Setting;
use crate::stage::Stage;

/// A swept setting as people say it.
#[must_use]
pub(crate) fn say(key: &str, value: &str) -> String {
    match key {
        "dataset.size" if value == "1" => "1 photo".to_owned(),
        "dataset.size" => format!("{value} photos"),
        "train.seed" => format!("training seed {value}"),
        _ => format!("{} {value}", axis_name(key)),
    }
}

/// A setting's dotted name as people say it.
#[must_use]
pub(crate) fn axis_name(key: &str) -> String {
    match key {
        "dataset.size" => "number of photos".to_owned(),
        "train.seed" => "training seed".to_owned(),
        _ => key.rsplit('.').next().unwrap_or(key).replace('_', " "),
    }
}

/// Several settings, joined.
#[must_use]
pub(crate) fn say_all<'s>(settings: impl IntoIterator<Item = &'s Setting>) -> String {
    settings.into_iter().map(|s| say(&s.key, &s.value)).collect::<Vec<_>>().join(", ")
}

/// What a stage does, as a noun.
#[must_use]
pub(crate) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Prepare => "preparing the photos",
        Stage::Baseline => "the baseline images",
        Stage::ClassImages => "the class images",
        Stage::Train => "the training",
        Stage::Generate => "the images",
        Stage::Evaluate => "the measurements",
    }
}

/// Four significant digits, never an exponent for everyday sizes.
#[must_use]
pub(crate) fn number(v: f64) -> String {
    if !v.is_finite() {
        return "not a number".to_owned();
    }
    let a = v.abs();
    if a != 0.0 && !(1e-4..1e6).contains(&a) {
        return format!("{v:.3e}");
    }
    let decimals = if a >= 1000.0 {
        0
    } else if a >= 100.0 {
        1
    } else if a >= 10.0 {
        2
    } else if a >= 1.0 {
        3
    } else {
        4
    };
    format!("{v:.decimals$}")
}

/// A number that may be missing; a dash says so.
#[must_use]
pub(crate) fn number_or_dash(v: Option<f64>) -> String {
    v.map_or_else(|| "–".to_owned(), number)
}

/// Relative change `(new − old) / old` with its sign, e.g. `−12.3 %` with a space that does not break.
#[must_use]
pub(crate) fn change(old: f64, new: f64) -> String {
    let percent = (new - old) / old * 100.0;
    if !percent.is_finite() {
        return "–".to_owned();
    }
    let rounded = (percent * 10.0).round() / 10.0;
    let sign = if rounded > 0.0 {
        "+"
    } else if rounded < 0.0 {
        "−"
    } else {
        "±"
    };
    format!("{sign}{:.1}\u{a0}%", rounded.abs())
}

/// `n thing` or `n things`.
#[must_use]
pub(crate) fn count(n: usize, singular: &str) -> String {
    if n == 1 { format!("1 {singular}") } else { format!("{n} {singular}s") }
}

/// `a, b and c`.
#[must_use]
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_said_in_words() {
        assert_eq!(say("dataset.size", "25"), "25 photos");
        assert_eq!(say("dataset.size", "1"), "1 photo");
        assert_eq!(say("train.learning_rate", "0.0001"), "learning rate 0.0001");
    }

    #[test]
    fn numbers_have_four_digits() {
        assert_eq!(number(0.123_456), "0.1235");
        assert_eq!(number(12.3456), "12.35");
        assert_eq!(number(0.0), "0.0000");
        assert_eq!(number(1e-9), "1.000e-9");
        assert_eq!(number(f64::NAN), "not a number");
        assert_eq!(number_or_dash(None), "–");
    }

    #[test]
    fn changes_have_a_sign() {
        assert_eq!(change(2.0, 1.0), "−50.0\u{a0}%");
        assert_eq!(change(2.0, 2.1), "+5.0\u{a0}%");
        assert_eq!(change(2.0, 2.000_01), "±0.0\u{a0}%");
        assert_eq!(change(0.0, 1.0), "–");
    }

    #[test]
    fn lists_read_like_english() {
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(count(1, "seed"), "1 seed");
    }
}
