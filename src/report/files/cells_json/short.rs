//! The page's copy says everything once: what its script `study.js` can put back is left out.

use serde_json::{Map, Value};

/// The same study with
/// - cells that state only what differs from the cell before,
/// - commands of cells as what they add to that of their base model (`adds`),
/// - photos without what their place says,
/// - images as lists: name, hash, nearest photo, pairs, prompt; what is missing at the end of a list is left out.
pub(super) fn short(mut study: Value) -> Value {
    let beginnings: Vec<Value> = list(&mut study, "baselines").iter().map(|set| set["command"].clone()).collect();
    let cells = list(&mut study, "cells");
    for cell in cells.iter_mut().filter_map(Value::as_object_mut) {
        cell.remove("index");
        let set = cell.get("baseline").and_then(Value::as_u64);
        let base = set.and_then(|set| beginnings.get(usize::try_from(set).ok()?)?.as_str());
        let adds = base.and_then(|base| cell.get("command")?.as_str()?.strip_prefix(base)).map(str::to_owned);
        if adds.is_some() {
            cell.insert("command".into(), Value::Null);
        }
        cell.insert("adds".into(), adds.into());
    }
    for place in (1..cells.len()).rev() {
        let (before, own) = cells.split_at_mut(place);
        if let (Some(before), Some(own)) = (before[place - 1].as_object(), own[0].as_object_mut()) {
            own.retain(|key, value| before.get(key) != Some(value));
        }
    }
    for photo in list(&mut study, "photos").iter_mut().filter_map(Value::as_object_mut) {
        photo.retain(|key, value| !matches!(key.as_str(), "index" | "id") && *value != Value::Bool(false));
    }
    for image in list(&mut study, "images") {
        if let Some(fields) = image.as_object_mut() {
            *image = fields_in_order(fields);
        }
    }
    study
}

fn list<'v>(study: &'v mut Value, key: &str) -> &'v mut [Value] {
    study.get_mut(key).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

fn fields_in_order(fields: &mut Map<String, Value>) -> Value {
    let mut take = |key| fields.remove(key).unwrap_or_default();
    without_end(Value::Array(["id", "hash", "nearest_photo", "pairs", "text"].map(&mut take).to_vec()))
}

/// A list, and each list in it, without what is missing at the end.
fn without_end(value: Value) -> Value {
    let Value::Array(values) = value else { return value };
    let mut values: Vec<Value> = values.into_iter().map(without_end).collect();
    values.truncate(values.iter().rposition(|value| !value.is_null()).map_or(0, |last| last + 1));
    Value::Array(values)
}

#[cfg(test)]
mod tests {
    use super::short;
    use serde_json::json;

    #[test]
    fn what_can_be_put_back_is_left_out() {
        let cell = |index: usize, seed: u64, command: &str| {
            json!({
                "index": index, "steps": 9, "seed": seed, "baseline": 0, "command": command, "checkpoint": null,
            })
        };
        let study = json!({
            "baselines": [{ "command": "draw --a" }],
            "cells": [cell(0, 1, "draw --a --lora=0"), cell(1, 2, "draw --a --lora=1"), cell(2, 2, "other")],
            "photos": [
                { "index": 0, "id": "f0", "name": "a", "file": null, "held_out": false },
                { "index": 1, "id": "f1", "name": "b", "file": "b.png", "held_out": true },
            ],
            "images": [
                { "id": "b0-p0-s0", "hash": "ab" },
                { "id": "c0-p0-s0", "pairs": [[1, 2], null, [3, null], null] },
                { "id": "x" },
            ],
        });
        let expected = json!({
            "baselines": [{ "command": "draw --a" }],
            "cells": [
                { "steps": 9, "seed": 1, "baseline": 0, "command": null, "adds": " --lora=0", "checkpoint": null },
                { "seed": 2, "adds": " --lora=1" },
                { "command": "other", "adds": null },
            ],
            "photos": [{ "name": "a", "file": null }, { "name": "b", "file": "b.png", "held_out": true }],
            "images": [["b0-p0-s0", "ab"], ["c0-p0-s0", null, null, [[1, 2], null, [3]]], ["x"]],
        });
        assert_eq!(short(study), expected);
    }
}
