//! Settings as text: which are swept, which are the same everywhere, and which follow from a swept one.

use serde_json::{Map, Value};

use crate::experiment::{flat, without_folders};
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
