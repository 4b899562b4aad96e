//! Settings as text: which are swept, which are the same everywhere, and which follow from a swept one.
//!
//! Folders of this machine never reach a report: a path is cut to its last two parts.

use serde_json::{Map, Value};
use std::path::Path;

use crate::plan::{Cell, Plan};
use crate::report::data::{Axis, Setting};
use crate::report::naming::axis;
use crate::text::number;

/// The settings a cell differs in.
pub(super) fn assignments(cell: &Cell) -> Vec<Setting> {
    cell.assignments.iter().map(|(key, value)| Setting { key: key.clone(), value: toml_text(value) }).collect()
}

/// Every swept setting with its values, in order of appearance.
pub(super) fn axes(plan: &Plan) -> Vec<Axis> {
    let mut axes = Vec::new();
    for setting in plan.cells.iter().flat_map(assignments) {
        add(&mut axes, setting.key, setting.value);
    }
    axes
}

/// Settings that are the same in every cell, and those that differ without being swept.
pub(super) fn shared(plan: &Plan, swept: &[Axis]) -> (Vec<Setting>, Vec<Axis>) {
    let mut all: Vec<Axis> = Vec::new();
    for cell in &plan.cells {
        for (key, value) in flat(&cell.settings) {
            add(&mut all, key, value);
        }
    }
    all.retain(|a| !swept.iter().any(|s| s.key == a.key || a.key.starts_with(&format!("{}.", s.key))));
    let (fixed, derived): (Vec<Axis>, Vec<Axis>) = all.into_iter().partition(|a| a.values.len() == 1);
    let one = |a: Axis| Setting { key: a.key, value: a.values.into_iter().next().unwrap_or_default() };
    (fixed.into_iter().map(one).collect(), derived)
}

/// The settings that some cells share and not all cells have: the name of their common baseline.
pub(super) fn common(plan: &Plan, cells: &[usize]) -> String {
    let of = |i: &usize| plan.cells.get(*i).map(assignments).unwrap_or_default();
    let mut shared = cells.first().map(of).unwrap_or_default();
    shared.retain(|s| cells.iter().all(|c| of(c).contains(s)));
    shared.retain(|s| !plan.cells.iter().all(|c| assignments(c).contains(s)));
    axis::say_all(&shared)
}

/// All settings of all cells as ASCII JSON, for the text chunk of `grid.png`.
pub(super) fn json(plan: &Plan) -> String {
    let mut cells = Map::new();
    for cell in &plan.cells {
        let settings = flat(&cell.settings).into_iter().map(|(k, v)| (k, Value::String(v))).collect();
        cells.insert(cell.label.clone(), Value::Object(settings));
    }
    let mut out = String::new();
    for unit in Value::Object(cells).to_string().encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() && byte != 0x7f => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out
}

fn add(axes: &mut Vec<Axis>, key: String, value: String) {
    match axes.iter_mut().find(|a| a.key == key) {
        Some(axis) if axis.values.contains(&value) => {}
        Some(axis) => axis.values.push(value),
        None => axes.push(Axis { key, values: vec![value] }),
    }
}

fn toml_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(s) => without_folders(s),
        toml::Value::Float(value) => number(*value),
        toml::Value::Array(items) => items.iter().map(toml_text).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

/// Every setting by its dotted name, in the order of `defaults.toml`.
fn flat(settings: &crate::experiment::Settings) -> Vec<(String, String)> {
    let mut out = Vec::new();
    match serde_json::to_value(settings) {
        Ok(value) => flatten("", &value, &mut out),
        Err(_) => unreachable!("settings are plain data"),
    }
    out.sort_by_key(|(key, _)| crate::experiment::order(key));
    out
}

fn flatten(prefix: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        // The base is a tagged value; people know it by the setting's name.
        Value::Object(map) if prefix == "model.base" => {
            out.push((prefix.to_owned(), map.values().map(base_text).collect::<Vec<_>>().join(" ")));
        }
        Value::Object(map) => {
            for (key, value) in map {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&name, value, out);
            }
        }
        Value::Array(items) if prefix == "evaluate.encoders" => {
            out.push((prefix.to_owned(), items.iter().map(encoder_text).collect::<Vec<_>>().join("; ")));
        }
        other => out.push((prefix.to_owned(), text(other))),
    }
}

/// `dino: facebook/dinov2-small for identity`.
fn encoder_text(value: &Value) -> String {
    let model = value["model"].as_object().into_iter().flat_map(|model| model.values().map(base_text));
    let model = model.collect::<Vec<_>>().join(" ");
    format!("{}: {model} for {}", text(&value["name"]), text(&value["for"]).replace("; ", " and "))
}

pub(super) fn base_text(value: &Value) -> String {
    match value.as_object() {
        Some(hub) => {
            let part = |key: &str| hub.get(key).and_then(Value::as_str);
            let revision = part("revision").map(|r| format!("@{r}")).unwrap_or_default();
            format!("{}{revision}", part("id").unwrap_or_default())
        }
        None => text(value),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(s) => without_folders(s),
        Value::Number(value) if value.is_f64() => number(value.as_f64().unwrap_or(f64::NAN)),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

/// An absolute path's last two parts; any other text as it is.
pub(super) fn without_folders(text: &str) -> String {
    let path = Path::new(text);
    if !path.is_absolute() {
        return text.to_owned();
    }
    let parts: Vec<_> = path
        .components()
        .filter(|c| matches!(c, std::path::Component::Normal(_)))
        .map(|c| c.as_os_str().to_string_lossy())
        .collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

/// A sentence whose absolute paths are cut to their last two parts.
pub(super) fn sentence(text: &str) -> String {
    let word = |word: &str| {
        let start = word.find(|c: char| !"`'\"(".contains(c)).unwrap_or(0);
        let (quote, rest) = word.split_at(start);
        format!("{quote}{}", without_folders(rest))
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_this_machine_are_cut() {
        assert_eq!(without_folders("/home/me/study/experiments/data/shinchan"), "data/shinchan");
        assert_eq!(without_folders("/data"), "data");
        assert_eq!(without_folders("a prompt / with slash"), "a prompt / with slash");
    }

    #[test]
    fn sentences_lose_the_folders_too() {
        let text = "cannot read `/home/me/study/data/x.jpg`: not a JPEG and/or torn (/tmp/a/b/c.png)";
        assert_eq!(sentence(text), "cannot read `data/x.jpg`: not a JPEG and/or torn (b/c.png)");
    }

    #[test]
    fn nested_values_get_dotted_names() {
        let value = serde_json::json!({
            "model": {"base": {"hub": {"id": "a/b", "revision": "main"}}},
            "train": {"prior_preservation": null, "rank": 4},
            "generate": {"seeds": [0, 1]},
            "evaluate": {"encoders": [
                {"name": "d", "model": {"folder": "/home/me/encoders/dino"}, "for": ["identity", "prompt"]},
                {"name": "c", "model": {"hub": {"id": "a/b", "revision": null}}, "for": ["prompt"]},
            ]},
        });
        let mut out = Vec::new();
        flatten("", &value, &mut out);
        let out: Vec<_> = out.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            out,
            [
                "model.base=a/b@main",
                "train.prior_preservation=none",
                "train.rank=4",
                "generate.seeds=0; 1",
                "evaluate.encoders=d: encoders/dino for identity and prompt; c: a/b for prompt",
            ]
        );
    }
}
