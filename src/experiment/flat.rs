//! Settings as text, by dotted name.
//!
//! Folders of this machine never reach a report: a path is cut to its last two parts.

use serde_json::Value;
use std::path::{Component, Path};

use super::defaults::order;
use super::settings::Settings;
use crate::text::number;

/// Every setting by its dotted name, in the order of `defaults.toml`.
#[must_use]
pub fn flat(settings: &Settings) -> Vec<(String, String)> {
    let mut out = Vec::new();
    match serde_json::to_value(settings) {
        Ok(value) => flatten("", &value, &mut out),
        Err(_) => unreachable!("settings are plain data"),
    }
    out.sort_by_key(|(key, _)| order(key));
    out
}

fn flatten(prefix: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        // These are tagged values; people know them by the setting's name.
        Value::Object(map) if ["model.base", "model.vae", "model.text_encoders"].contains(&prefix) => {
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

fn base_text(value: &Value) -> String {
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
#[must_use]
pub fn without_folders(text: &str) -> String {
    let path = Path::new(text);
    if !path.is_absolute() {
        return text.to_owned();
    }
    let parts: Vec<_> = path
        .components()
        .filter(|c| matches!(c, Component::Normal(_)))
        .map(|c| c.as_os_str().to_string_lossy())
        .collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

/// A sentence whose absolute paths are cut to their last two parts.
#[must_use]
pub fn sentence(text: &str) -> String {
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
