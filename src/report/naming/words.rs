//! Numbers and gaps in words: `0.1234`, `−12.3 %`, `the training failed: …`.

use crate::report::data::Problem;
use crate::stage::{Stage, about};
use crate::text::{hides, measurement};

/// What a stage does, as a noun.
pub(crate) fn stage_name(stage: Stage) -> &'static str {
    about(stage).noun
}

/// Why something is not there; `unknown` where nothing is known.
pub(crate) fn why_missing(problem: Option<&Problem>, unknown: &str) -> String {
    match problem {
        Some(p) if p.failed => format!("{} failed: {}", stage_name(p.stage), p.reason),
        Some(p) => p.reason.clone(),
        None => unknown.to_owned(),
    }
}

/// A number that may be missing; a dash says so.
pub(crate) fn number_or_dash(v: Option<f64>) -> String {
    v.map_or_else(|| "–".to_owned(), measurement)
}

/// A number by which rows are sorted: with more digits than the page shows, and fewer than were computed.
pub(crate) fn sortable(v: f64) -> String {
    // Rust writes the shortest text of a number, so rounding by text is exact.
    format!("{v:.5e}").parse::<f64>().unwrap_or(v).to_string()
}

/// Relative change `(new − old) / old` with its sign, e.g. `−12.3 %` with a space that does not break; `None` when
/// there is nothing to divide by.
pub(crate) fn change(old: f64, new: f64) -> Option<String> {
    let percent = (new - old) / old.abs() * 100.0;
    if !percent.is_finite() {
        return None;
    }
    let rounded = (percent * 10.0).round() / 10.0;
    let sign = if rounded > 0.0 {
        "+"
    } else if rounded < 0.0 {
        "−"
    } else {
        "±"
    };
    Some(format!("{sign}{:.1}\u{a0}%", rounded.abs()))
}

/// A page in which signs that hide, and those that control terminals, are replaced by their numbers. Line ends and tabs
/// stay.
pub(crate) fn visible(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    for c in page.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() || hides(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_number_is_a_dash() {
        assert_eq!(number_or_dash(None), "–");
        assert_eq!(number_or_dash(Some(0.123_456)), "0.1235");
    }

    #[test]
    fn numbers_to_sort_by_are_short() {
        let texts = [0.532_228_735_904_207_2, -0.289_659_586_5, 12_345_678.9, f64::NAN].map(sortable);
        assert_eq!(texts, ["0.532229", "-0.28966", "12345700", "NaN"]);
    }

    #[test]
    fn changes_have_a_sign() {
        assert_eq!(change(2.0, 1.0).as_deref(), Some("−50.0\u{a0}%"));
        assert_eq!(change(2.0, 2.1).as_deref(), Some("+5.0\u{a0}%"));
        assert_eq!(change(2.0, 2.000_01).as_deref(), Some("±0.0\u{a0}%"));
        for (old, new) in [(0.0, 1.0), (0.0, 0.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert_eq!(change(old, new), None, "{old} {new}");
        }
    }

    #[test]
    fn signs_that_hide_are_shown() {
        assert_eq!(visible("a\u{202e}b\u{1b}[31m\n\tשלום 👩‍🎨"), "a\\u{202e}b\\u{1b}[31m\n\tשלום 👩‍🎨");
    }
}
