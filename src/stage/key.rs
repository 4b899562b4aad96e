//! What an artifact depends on, and the key made of it.

use super::name::Stage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// The first 32 hex digits (128 bits) of the BLAKE3 of a stage's canonical inputs; names an artifact's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// The key in that text, if it is 32 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
            .then(|| Self(text.to_owned()))
    }

    /// The 32 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a key")))
    }
}

/// The name of the input that holds the captions by photo.
const CAPTIONS: &str = "captions";

/// Everything the result of a stage depends on, by name: resolved settings, hashes of photos and weights, versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyInputs(pub BTreeMap<String, Value>);

impl KeyInputs {
    /// No inputs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input, replacing one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves out an input that does not count.
    #[must_use]
    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Gives an input another name, if it is there.
    #[must_use]
    pub(super) fn renamed(mut self, from: &str, to: &str) -> Self {
        if let Some(value) = self.0.remove(from) {
            self.0.insert(to.to_owned(), value);
        }
        self
    }

    /// The inputs in a stage's struct: the names of nested fields are joined by dots, what is not there is left out.
    ///
    /// `captions` stay one input: their names are content hashes.
    #[must_use]
    pub fn of(stage: &impl Serialize) -> Self {
        let mut inputs = Self::new();
        match serde_json::to_value(stage) {
            Ok(value) => inputs.add("", value),
            Err(error) => unreachable!("inputs of a stage are plain data: {error}"),
        }
        inputs
    }

    fn add(&mut self, name: &str, value: Value) {
        match value {
            Value::Null => {}
            Value::Object(members) if name != CAPTIONS => {
                for (member, value) in members {
                    self.add(&if name.is_empty() { member } else { format!("{name}.{member}") }, value);
                }
            }
            value => {
                self.0.insert(name.to_owned(), value);
            }
        }
    }

    /// A number among the inputs.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// A text among the inputs.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The number of items of a list among the inputs; 0 if there is no such list.
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    pub(super) fn length(&self, name: &str) -> f64 {
        self.0.get(name).and_then(Value::as_array).map_or(0.0, |items| items.len() as f64)
    }

    /// The key of `stage` with these inputs. Equal inputs give equal keys whatever the order of object members.
    #[must_use]
    pub fn key(&self, stage: Stage) -> Key {
        let mut text = format!("{{\"stage\":\"{}\",\"inputs\":{{", stage.name());
        for (i, (name, value)) in self.0.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { "," });
            canonical(&Value::from(name.as_str()), &mut text);
            text.push(':');
            canonical(value, &mut text);
        }
        text.push_str("}}");
        Key(blake3::hash(text.as_bytes()).to_hex()[..32].to_owned())
    }

    /// What differs from an older set of inputs, by name.
    #[must_use]
    pub fn changes_from(&self, old: &Self) -> Vec<Change> {
        let names: std::collections::BTreeSet<_> = self.0.keys().chain(old.0.keys()).collect();
        let change = |name: &String| {
            let (old, new) = (old.0.get(name), self.0.get(name));
            (old != new).then(|| Change { name: name.clone(), old: old.cloned(), new: new.cloned() })
        };
        names.into_iter().filter_map(change).collect()
    }
}

/// JSON without spaces, members sorted by name at every depth: one text for equal values.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            out.push('{');
            for (i, (name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                canonical(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// One input that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The input's name.
    pub name: String,
    /// Its value in the stored artifact; `None` if it had no such input.
    pub old: Option<Value>,
    /// Its value now.
    pub new: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_key_depends_on_stage_names_and_values_only() {
        let inputs = KeyInputs::new().with("b", json!({"x": 1, "a": [1.5, "é\""]})).with("a", 0.0001);
        let same = KeyInputs::new().with("a", 1e-4).with("b", json!({"a": [1.5, "é\""], "x": 1}));
        assert_eq!(inputs.key(Stage::Train), same.key(Stage::Train));
        // A key of an earlier release must stay: results already stored depend on it.
        assert_eq!(inputs.key(Stage::Train).as_str(), "5d6a80402127bed406e9e8041cc71ccb");
        let keys = [
            inputs.key(Stage::Train),
            inputs.key(Stage::Generate),
            inputs.clone().with("a", 0.0002).key(Stage::Train),
            inputs.clone().with("c", Value::Null).key(Stage::Train),
            inputs.clone().with("b", json!({"x": 1, "a": ["é\"", 1.5]})).key(Stage::Train),
            KeyInputs::new().key(Stage::Train),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.into_iter().collect();
        assert_eq!(distinct.len(), 6);
    }

    #[test]
    fn a_key_is_checked() {
        let good = "0123456789abcdef0123456789abcdef";
        assert_eq!(Key::parse(good).unwrap().as_str(), good);
        assert!(["", "../../etc", "0123456789ABCDEF0123456789ABCDEF"].iter().all(|bad| Key::parse(bad).is_none()));
        assert!(serde_json::from_str::<Key>("\"..\"").is_err());
    }

    #[test]
    fn sections_become_dotted_names() {
        let stage = json!({"device": "cpu", "train": {"steps": 3, "prior_preservation": {"weight": 0.5}, "seed": null},
            "photos": ["a"], "captions": {"a": "hello"}, "class_images": null});
        let expected = KeyInputs::new()
            .with("device", "cpu")
            .with("train.steps", 3)
            .with("train.prior_preservation.weight", 0.5)
            .with("photos", json!(["a"]))
            .with("captions", json!({"a": "hello"}));
        assert_eq!(KeyInputs::of(&stage), expected);
    }

    #[test]
    fn changes_have_a_name_and_both_values() {
        let old = KeyInputs::new().with("lr", 1e-4).with("same", 1).with("gone", "x");
        let new = KeyInputs::new().with("lr", 2e-4).with("same", 1).with("added", true);
        let change = |name: &str, old, new| Change { name: name.to_owned(), old, new };
        let expected = [
            change("added", None, Some(json!(true))),
            change("gone", Some(json!("x")), None),
            change("lr", Some(json!(1e-4)), Some(json!(2e-4))),
        ];
        assert_eq!(new.changes_from(&old), expected);
    }
}
