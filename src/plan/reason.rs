//! Why a job is made again, in words, from what differs to the most similar stored result.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::stage::{Change, KeyInputs, Stage, about, setting_of};
use crate::text::number;

/// Nothing in the store is like it.
pub(super) const NOT_MADE_YET: &str = "not made yet";

/// With more differences than this the stored result is of another study.
const MOST_CHANGES: usize = 3;

/// In words, what differs between `new` inputs and those of a stored result; photos are called by `names`.
pub(super) fn reason(new: &KeyInputs, old: &KeyInputs, names: &BTreeMap<String, String>) -> String {
    let changes = new.changes_from(old);
    if changes.is_empty() || changes.len() > MOST_CHANGES {
        return NOT_MADE_YET.to_owned();
    }
    changes.iter().map(|change| change_words(change, names)).collect::<Vec<_>>().join(", ")
}

/// What differs in one input, in words: `learning_rate 1e-4 → 2e-4`.
#[must_use]
pub fn change_words(change: &Change, names: &BTreeMap<String, String>) -> String {
    let stage = Stage::of_name(&change.name);
    match (change.name.as_str(), stage) {
        ("version", _) => "made by an older version of this stage".to_owned(),
        ("model.base", _) => "base model changed".to_owned(),
        ("photos", _) => photos("photo", change, names),
        ("held_out", _) => photos("held-out photo", change, names),
        ("captions", _) => captions(change, names),
        ("photos_read_anew", _) => "photos were read wrongly before".to_owned(),
        ("encoder", _) => "encoder changed".to_owned(),
        ("source", _) => "new photos or images".to_owned(),
        ("masks", _) => "other masks".to_owned(),
        ("dataset.shapes", _) => "photos of other shapes".to_owned(),
        ("measures", _) => "other measures".to_owned(),
        (_, Some(stage)) => about(stage).made_again.to_owned(),
        (name, None) => setting(setting_of(name), change),
    }
}

/// `learning_rate 1e-4 → 2e-4`.
fn setting(name: &str, change: &Change) -> String {
    let short = name.split_once('.').map_or(name, |(_, short)| short);
    if let (Some(Value::Array(old)), Some(Value::Array(new))) = (&change.old, &change.new) {
        return if old.len() == new.len() {
            format!("{short} changed")
        } else {
            format!("{} → {} {short}", old.len(), new.len())
        };
    }
    format!("{short} {} → {}", value(change.old.as_ref()), value(change.new.as_ref()))
}

fn value(value: Option<&Value>) -> String {
    const LONGEST: usize = 40;
    let text = match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::Number(n)) => n.as_f64().map_or_else(|| n.to_string(), number),
        Some(Value::String(text)) if text.is_empty() || text.contains(' ') => format!("\"{text}\""),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST - 1).collect::<String>() + "…" }
}

/// `photo added: x.jpg`, `2 photos removed`, `photos in another order`.
fn photos(noun: &str, change: &Change, names: &BTreeMap<String, String>) -> String {
    let hashes = |value: &Option<Value>| -> Vec<String> {
        let items = value.as_ref().and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|hash| Some(hash.as_str()?.to_owned())).collect()
    };
    let (old, new) = (hashes(&change.old), hashes(&change.new));
    let added: Vec<&String> = new.iter().filter(|hash| !old.contains(hash)).collect();
    let removed = old.iter().filter(|hash| !new.contains(hash)).count();
    let mut parts = Vec::new();
    if !added.is_empty() {
        parts.push(named(noun, "added", &added, names));
    }
    if removed > 0 {
        parts.push(if removed == 1 { format!("{noun} removed") } else { format!("{removed} {noun}s removed") });
    }
    if parts.is_empty() { format!("{noun}s in another order") } else { parts.join(", ") }
}

fn captions(change: &Change, names: &BTreeMap<String, String>) -> String {
    let map = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let (old, new) = (map(&change.old), map(&change.new));
    let hashes: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed: Vec<&String> = hashes.into_iter().filter(|hash| old.get(*hash) != new.get(*hash)).collect();
    named("caption", "changed", &changed, names)
}

/// `photo added: x.jpg`, `12 photos added`.
fn named(noun: &str, verb: &str, hashes: &[&String], names: &BTreeMap<String, String>) -> String {
    const SHOWN: usize = 3;
    let known: Vec<&str> = hashes.iter().filter_map(|hash| names.get(*hash)).map(String::as_str).collect();
    match hashes.len() {
        1 => format!("{noun} {verb}{}", known.first().map(|name| format!(": {name}")).unwrap_or_default()),
        many if many <= SHOWN && known.len() == many => format!("{noun}s {verb}: {}", known.join(", ")),
        many => format!("{many} {noun}s {verb}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(name: &str, old: Value, new: Value) -> String {
        let names = [("a", "x.jpg"), ("b", "y.jpg")].map(|(hash, name)| (hash.to_owned(), name.to_owned()));
        reason(&KeyInputs::new().with(name, new), &KeyInputs::new().with(name, old), &names.into())
    }

    #[test]
    fn every_kind_of_change_has_its_words() {
        let cases = [
            ("train.learning_rate", json!(1e-4), json!(2e-4), "learning_rate 1e-4 → 2e-4"),
            ("train.adam_beta1", json!(0.9), json!(0.8), "optimizer.beta1 0.9 → 0.8"),
            ("train.steps", json!(100), json!(200), "steps 100 → 200"),
            ("train.prior_preservation.weight", json!(1.0), json!(0.5), "prior_preservation.weight 1 → 0.5"),
            ("train.lr_scheduler", json!("constant"), json!("cosine"), "lr_scheduler constant → cosine"),
            ("generate.negative_prompt", json!(""), json!("a b"), "negative_prompt \"\" → \"a b\""),
            ("generate.seeds", json!([1]), json!([1, 2]), "1 → 2 seeds"),
            ("generate.prompts", json!(["a"]), json!(["b"]), "prompts changed"),
            ("model.base", json!("1"), json!("2"), "base model changed"),
            ("device", json!("cpu"), json!("cuda"), "device cpu → cuda"),
            ("version", json!(1), json!(2), "made by an older version of this stage"),
            ("photos", json!(["b"]), json!(["b", "a"]), "photo added: x.jpg"),
            ("photos", json!([]), json!(["b", "a"]), "photos added: y.jpg, x.jpg"),
            ("photos", json!(["c", "b"]), json!(["a", "b"]), "photo added: x.jpg, photo removed"),
            ("photos", json!(["a", "b"]), json!(["b", "a"]), "photos in another order"),
            ("held_out", json!(["a", "c", "d"]), json!(["a"]), "2 held-out photos removed"),
            ("captions", json!({"a": "1"}), json!({"a": "2"}), "caption changed: x.jpg"),
            ("measures", json!(["a"]), json!(["a", "b"]), "other measures"),
            ("encoder", json!("1"), json!("2"), "encoder changed"),
            ("source", json!("1"), json!("2"), "new photos or images"),
            ("train", json!("1"), json!("2"), "trained again"),
            ("baseline", json!("1"), json!("2"), "new baseline images"),
            ("class_images", json!("1"), json!("2"), "new class images"),
        ];
        for (name, old, new, words) in cases {
            assert_eq!(said(name, old, new), words);
        }
    }

    #[test]
    fn another_study_is_no_reason() {
        let inputs = |n: i32| ["a", "b", "c", "d"].iter().fold(KeyInputs::new(), |inputs, name| inputs.with(name, n));
        assert_eq!(reason(&inputs(1), &inputs(2), &BTreeMap::new()), NOT_MADE_YET);
    }
}
