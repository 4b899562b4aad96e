//! Values as text: in messages, labels and reasons.

use crate::text::number;

/// The text with control characters made visible, so that a file cannot steer the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{FFFD}' } else { c }).collect()
}

/// A value in one line without quotes around a plain word, for labels: `5`, `1e-4`, `cosine`, `[0,1]`.
#[must_use]
pub fn label(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => {
            let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
            if plain { text.clone() } else { shown_in_full(value) }
        }
        toml::Value::Float(value) => number(*value),
        toml::Value::Array(items) => format!("[{}]", items.iter().map(label).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// A value as it would be written in TOML, at most 60 characters, for messages.
pub(super) fn shown(value: &toml::Value) -> String {
    const LONGEST: usize = 60;
    let text = printable(&shown_in_full(value));
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).collect::<String>() + "…" }
}

fn shown_in_full(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        // A whole float keeps its point, to be told from a whole number.
        toml::Value::Float(value) if value.fract() == 0.0 && value.abs() < 1e6 => format!("{value:.1}"),
        toml::Value::Float(value) => number(*value),
        toml::Value::Array(items) => format!("[{}]", items.iter().map(shown_in_full).collect::<Vec<_>>().join(", ")),
        toml::Value::Table(_) => "a section".to_owned(),
        other => other.to_string(),
    }
}

/// Equality in which 1 and 1.0 are the same.
#[must_use]
pub(super) fn same(a: &toml::Value, b: &toml::Value) -> bool {
    use toml::Value::{Array, Float, Integer};
    match (a, b) {
        (Integer(a), Integer(b)) => a == b,
        // An i64 beyond 2^53 is never equal to a float written by hand; the rounding does not matter.
        #[allow(clippy::cast_precision_loss)]
        (Integer(i), Float(f)) | (Float(f), Integer(i)) => *i as f64 == *f,
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        // One item and a list of one item mean the same setting.
        (Array(list), one) | (one, Array(list)) => list.len() == 1 && same(&list[0], one),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_unambiguous() {
        let value = |text: &str| text.parse::<toml::Table>().unwrap().remove("x").unwrap();
        assert_eq!(label(&value("x = [0, 1]")), "[0,1]");
        assert_eq!(label(&value("x = 'cosine'")), "cosine");
        assert_eq!(label(&value("x = 'a b'")), "\"a b\"");
        assert_eq!(label(&value("x = true")), "true");
    }

    #[test]
    fn one_is_one_point_zero_and_a_list_of_one() {
        assert!(same(&1.into(), &1.0.into()));
        assert!(same(&"a".into(), &toml::Value::Array(vec!["a".into()])));
        assert!(!same(&1.into(), &2.into()) && !same(&1.into(), &true.into()));
    }
}
