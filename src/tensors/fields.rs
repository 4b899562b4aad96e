//! Typed values of a JSON object, with errors that name the key, what it holds and what was expected.

use serde_json::{Map, Value};

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) key: String,
    /// The value, shortened.
    pub(crate) found: String,
    /// E.g. `expected a number`.
    pub(crate) wanted: String,
}

/// An object of a configuration file. Absent keys take the default that is given.
#[derive(Clone, Debug)]
pub(crate) struct Fields(pub(crate) Map<String, Value>);

/// Values of this many characters are shown whole.
const SHOWN: usize = 60;

/// A value for a message.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > SHOWN { text.chars().take(SHOWN).chain(['…']).collect() } else { text }
}

impl Fields {
    /// Parses the text of a file. Python's `json` also writes `NaN` and `Infinity`, which are no JSON: those become
    /// texts, which no number is read from.
    ///
    /// # Errors
    /// A text that is not an object.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let strict = serde_json::from_str(text);
        let value = match strict {
            Err(_) => serde_json::from_str(&quote_python(text)).or(strict),
            good => good,
        };
        match value {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(format!("expected an object in braces, found {}", shown(&other))),
            Err(error) => Err(format!("it is not JSON: {error}")),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The value unless it is absent or null.
    pub(crate) fn some(&self, key: &str) -> Option<&Value> {
        self.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn error(&self, key: &str, wanted: impl Into<String>) -> FieldError {
        let found = self.get(key).map_or_else(|| "absent".to_owned(), shown);
        FieldError { key: key.to_owned(), found, wanted: wanted.into() }
    }

    fn read<T>(&self, key: &str, wanted: &str, get: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, FieldError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => get(value).map(Some).ok_or_else(|| self.error(key, format!("expected {wanted}"))),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, key: &str, default: usize) -> Result<usize, FieldError> {
        Ok(self.read(key, "a whole number", count)?.unwrap_or(default))
    }

    /// One whole number, or a list with one for each block.
    pub(crate) fn counts(&self, key: &str, default: usize) -> Result<OneOrMany, FieldError> {
        let get = |value: &Value| match value {
            Value::Array(items) => Some(OneOrMany::Many(items.iter().map(count).collect::<Option<_>>()?)),
            one => count(one).map(OneOrMany::One),
        };
        Ok(self.read(key, "a whole number or a list of them", get)?.unwrap_or(OneOrMany::One(default)))
    }

    /// A list of whole numbers.
    pub(crate) fn list(&self, key: &str, default: &[usize]) -> Result<Vec<usize>, FieldError> {
        let get = |value: &Value| value.as_array()?.iter().map(count).collect();
        Ok(self.read(key, "a list of whole numbers", get)?.unwrap_or_else(|| default.to_vec()))
    }

    /// A number.
    pub(crate) fn number(&self, key: &str, default: f64) -> Result<f64, FieldError> {
        Ok(self.read(key, "a number", Value::as_f64)?.unwrap_or(default))
    }

    /// A list of numbers; null is none.
    pub(crate) fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, FieldError> {
        let get = |value: &Value| value.as_array()?.iter().map(Value::as_f64).collect();
        match self.some(key) {
            None => Ok(None),
            Some(_) => self.read(key, "a list of numbers", get),
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool, FieldError> {
        Ok(self.read(key, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    /// A text; null is none.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, FieldError> {
        match self.some(key) {
            None => Ok(None),
            Some(_) => self.read(key, "a text", |value| value.as_str().map(str::to_owned)),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str, default: &[&str]) -> Result<Vec<String>, FieldError> {
        let get = |value: &Value| value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        Ok(self.read(key, "a list of texts", get)?.unwrap_or_else(|| default.iter().map(|t| (*t).to_owned()).collect()))
    }

    /// The keys that are not in `known` and do not begin with `_`, unless their value is null.
    pub(crate) fn unknown(&self, known: &[&[&str]]) -> Vec<String> {
        let strange = |(key, value): &(&String, &Value)| {
            !key.starts_with('_') && !value.is_null() && !known.iter().any(|list| list.contains(&key.as_str()))
        };
        self.0.iter().filter(strange).map(|(key, _)| key.clone()).collect()
    }
}

/// Python writes 64 as 64.0 in places.
fn count(value: &Value) -> Option<usize> {
    if let Some(whole) = value.as_u64() {
        return usize::try_from(whole).ok();
    }
    let number = value.as_f64()?;
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as usize)
}

/// A value that is either the same for all blocks or a list with one item per block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OneOrMany {
    One(usize),
    Many(Vec<usize>),
}

impl OneOrMany {
    pub(crate) fn per_block(self, blocks: usize, key: &str) -> Result<Vec<usize>, FieldError> {
        match self {
            Self::One(value) => Ok(vec![value; blocks]),
            Self::Many(values) if values.len() == blocks => Ok(values),
            Self::Many(values) => Err(FieldError {
                key: key.to_owned(),
                found: format!("{} values", values.len()),
                wanted: format!("there are {blocks} blocks"),
            }),
        }
    }
}

/// Puts `NaN`, `Infinity` and `-Infinity` outside of texts in quotes.
fn quote_python(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut rest, mut inside) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| !inside && rest.starts_with(word));
        let taken = match (c, word) {
            (_, Some(word)) => {
                out.extend(["\"", word, "\""]);
                word.len()
            }
            ('\\', None) if inside => {
                let pair: usize = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(&rest[..pair]);
                pair
            }
            (c, None) => {
                inside ^= c == '"';
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_key_value_and_type() {
        let fields = Fields::parse(r#"{"a": null, "b": [1, "x"], "c": 64.0, "d": -1, "e": "1e-5"}"#).unwrap();
        assert_eq!(fields.count("c", 1), Ok(64));
        assert_eq!(fields.count("absent", 7), Ok(7));
        let error = |e: FieldError| format!("{} {} {}", e.key, e.found, e.wanted);
        assert_eq!(error(fields.count("a", 1).unwrap_err()), "a null expected a whole number");
        assert_eq!(error(fields.counts("b", 1).unwrap_err()), "b [1,\"x\"] expected a whole number or a list of them");
        assert_eq!(error(fields.count("d", 1).unwrap_err()), "d -1 expected a whole number");
        assert_eq!(error(fields.number("e", 1.0).unwrap_err()), "e \"1e-5\" expected a number");
        assert!(Fields::parse("[1]").unwrap_err().contains("an object in braces"));
        assert!(Fields::parse("{").unwrap_err().contains("not JSON"));
    }

    #[test]
    fn what_python_writes_is_read() {
        let text = r#"{"lambda_min_clipped": -Infinity, "x": NaN, "quoted": "\" Infinity", "list": [Infinity]}"#;
        let fields = Fields::parse(text).unwrap();
        assert_eq!(fields.text("lambda_min_clipped").unwrap().as_deref(), Some("-Infinity"));
        assert_eq!(fields.text("quoted").unwrap().as_deref(), Some("\" Infinity"));
        assert!(fields.number("x", 0.0).is_err());
    }
}
