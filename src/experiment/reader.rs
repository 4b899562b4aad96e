//! Takes typed values out of the merged layers and notes everything that is wrong on the way.
//!
//! Every method returns `None` after a problem, so that a section can read all its settings before it
//! stops: all errors are told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;

use super::axis;
use super::bounds::{Bounds, MAX_SIDE, SIDE_MULTIPLE};
use super::entry::Entry;
use super::problem::Problem;
use super::problems::Problems;
use super::similar::did_you_mean;
use super::source::{Origin, Place};
use super::value::shown;
use crate::choice::Choice;
use crate::text::either;

/// What a reader reads, and where its problems go.
pub(super) struct Reader<'a> {
    pub(super) values: &'a BTreeMap<String, Entry>,
    pub(super) sections: &'a BTreeMap<String, Place>,
    pub(super) meant: &'a BTreeSet<String>,
    pub(super) file: &'a Path,
    pub(super) problems: &'a mut Problems,
}

impl Reader<'_> {
    /// The value and origin of a key, if it has one.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.values.get(key)
    }

    /// Where a key's value stands; for problems that concern several keys.
    pub(super) fn place(&self, key: &str) -> Place {
        self.entry(key).map_or_else(|| Place::Path(self.file.to_owned()), |entry| entry.origin.value())
    }

    /// Notes a problem.
    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// A key that must be given; `example` is shown when it is missing.
    fn required(&mut self, key: &str, example: &str) -> Option<Entry> {
        if let Some(entry) = self.entry(key) {
            return Some(entry.clone());
        }
        if !self.meant.contains(key) {
            let (section, last) = key.rsplit_once('.').unwrap_or(("", key));
            let place = self.sections.get(section).cloned().unwrap_or_else(|| Place::Path(self.file.to_owned()));
            let mut help = format!("add `{last} = {example}` to `[{section}]`");
            if axis::is_usual(key) {
                help += &format!(", or `{}` to `[sweep]`", axis::EXAMPLE);
            }
            self.push(Problem::error(place, format!("`{key}` is missing")).help(help));
        }
        None
    }

    fn wrong(&mut self, key: &str, value: &toml::Value, origin: &Origin, expected: impl Into<String>) {
        let message = format!("`{key}` cannot be {}", shown(value));
        self.push(Problem::error(origin.value(), message).expected(expected));
    }

    /// A whole number in a range.
    pub(super) fn whole(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        self.whole_or(key, range, "…")
    }

    /// A whole number in a range that has no default.
    pub(super) fn whole_or(&mut self, key: &str, range: RangeInclusive<u64>, example: &str) -> Option<u64> {
        let Entry { value, origin, .. } = self.required(key, example)?;
        let number = match &value {
            toml::Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let expected = if *range.end() == i64::MAX as u64 {
                format!("a whole number, {} or more", range.start())
            } else {
                format!("a whole number from {} to {}", range.start(), range.end())
            };
            self.wrong(key, &value, &origin, expected);
        }
        number
    }

    /// A count: [`Self::whole`] as `usize`.
    pub(super) fn count(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<usize> {
        usize::try_from(self.whole(key, range)?).ok()
    }

    /// A number within bounds; a whole number is accepted, too.
    pub(super) fn number(&mut self, key: &str, bounds: Bounds) -> Option<f64> {
        let Entry { value, origin, .. } = self.required(key, "…")?;
        let number = match &value {
            toml::Value::Float(number) => Some(*number),
            #[allow(clippy::cast_precision_loss)] // bounds are far below 2^53
            toml::Value::Integer(number) => Some(*number as f64),
            _ => None,
        };
        let number = number.filter(|number| bounds.contains(*number));
        if number.is_none() {
            self.wrong(key, &value, &origin, bounds.expected());
        }
        number
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let Entry { value, origin, .. } = self.required(key, "false")?;
        if value.as_bool().is_none() {
            self.wrong(key, &value, &origin, "true or false");
        }
        value.as_bool()
    }

    /// A text; `example` is shown when it is missing.
    pub(super) fn text(&mut self, key: &str, example: &str) -> Option<String> {
        let Entry { value, origin, .. } = self.required(key, example)?;
        let text = as_text(&value, &origin);
        if text.is_none() {
            self.wrong(key, &value, &origin, "a text in quotes");
        }
        text
    }

    /// One of the words of a choice.
    pub(super) fn choice<T: Choice>(&mut self, key: &str) -> Option<T> {
        let Entry { value, origin, .. } = self.required(key, "…")?;
        let text = as_text(&value, &origin).unwrap_or_default();
        let found = T::from_word(&text).ok();
        if found.is_none() {
            let names: Vec<&str> = T::words().collect();
            let message = format!("`{key}` cannot be {}", shown(&value));
            let suggestion = did_you_mean(&text, names.iter().copied());
            self.push(Problem::error(origin.value(), message).expected(either(&names)).suggestion(suggestion));
        }
        found
    }

    /// The side of a picture: a multiple of 8 pixels. What the model needs beyond that is known when it is opened.
    pub(super) fn side(&mut self, key: &str) -> Option<usize> {
        let side = self.whole(key, SIDE_MULTIPLE..=MAX_SIDE)?;
        if !side.is_multiple_of(SIDE_MULTIPLE) {
            let near = side.div_ceil(SIDE_MULTIPLE) * SIDE_MULTIPLE;
            let problem = Problem::error(self.place(key), format!("`{key}` cannot be {side}"));
            self.push(problem.expected("a multiple of 8").suggestion(Some(near.to_string())));
            return None;
        }
        usize::try_from(side).ok()
    }

    /// A list of texts, or a single text instead of a list of one; each with its origin.
    pub(super) fn texts(&mut self, key: &str, example: &str) -> Option<Vec<(String, Origin)>> {
        let Entry { value, origin, .. } = self.required(key, example)?;
        if let Some(text) = as_text(&value, &origin).filter(|_| !value.is_array()) {
            return Some(vec![(text, origin)]);
        }
        let items = value.as_array().map(|items| {
            let text = |(i, item): (usize, &toml::Value)| Some((item.as_str()?.to_owned(), origin.item(i)));
            items.iter().enumerate().map(text).collect::<Option<Vec<_>>>()
        });
        let items = items.flatten();
        if items.is_none() {
            self.wrong(key, &value, &origin, "a text or a list of texts");
        }
        items
    }

    /// A list of whole numbers ≥ 0, or a single one; each with its origin.
    pub(super) fn wholes(&mut self, key: &str) -> Option<Vec<(u64, Origin)>> {
        let Entry { value, origin, .. } = self.required(key, "[0]")?;
        let whole = |value: &toml::Value| value.as_integer().and_then(|number| u64::try_from(number).ok());
        if let Some(number) = whole(&value) {
            return Some(vec![(number, origin)]);
        }
        let items = value.as_array().map(|items| {
            let number = |(i, item)| Some((whole(item)?, origin.item(i)));
            items.iter().enumerate().map(number).collect::<Option<Vec<_>>>()
        });
        let items = items.flatten();
        if items.is_none() {
            self.wrong(key, &value, &origin, "a list of whole numbers, each 0 or more");
        }
        items
    }

    /// A list of numbers, or a single one; each with its origin.
    pub(super) fn numbers(&mut self, key: &str, example: &str) -> Option<Vec<(f64, Origin)>> {
        let Entry { value, origin, .. } = self.required(key, example)?;
        let number = |value: &toml::Value| match value {
            toml::Value::Float(number) if number.is_finite() => Some(*number),
            #[allow(clippy::cast_precision_loss)] // settings are far below 2^53
            toml::Value::Integer(number) => Some(*number as f64),
            _ => None,
        };
        if let Some(number) = number(&value) {
            return Some(vec![(number, origin)]);
        }
        let items = value.as_array().map(|items| {
            let item = |(i, item)| Some((number(item)?, origin.item(i)));
            items.iter().enumerate().map(item).collect::<Option<Vec<_>>>()
        });
        let items = items.flatten();
        if items.is_none() {
            self.wrong(key, &value, &origin, "a list of numbers");
        }
        items
    }
}

/// The text of a value. On the command line `8` may be meant as a text, so there the typed characters are the text.
fn as_text(value: &toml::Value, origin: &Origin) -> Option<String> {
    match (value, origin) {
        (toml::Value::String(text), _) => Some(text.clone()),
        (toml::Value::Array(_) | toml::Value::Table(_), _) | (_, Origin::File { .. }) => None,
        (_, Origin::Text { raw, .. }) => Some(raw.clone()),
    }
}
