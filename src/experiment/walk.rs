//! What `[sweep]` walks through: an axis on its own, or several axes together (`[sweep.zip]`).

use super::entry::{Assignments, Entry, position};
use super::problem::Problem;
use super::problems::Problems;
use super::source::Origin;
use super::value::{same, shown};

/// A larger grid is a mistake.
pub(super) const MAX_CELLS: usize = 10_000;

/// Settings that a sweep cannot change, and why.
const NOT_SWEPT: [(&str, &str); 11] = [
    ("name", "all cells share one report"),
    ("title", "all cells share one report"),
    ("model.device", "the device is where the study runs, not what it studies"),
    ("dataset.held_out", "all cells must be measured on the same held-out photos"),
    ("generate.batch_size", "it never changes an image"),
    ("train.checkpoint_every", "it never changes a result"),
    ("evaluate.encoders", "all cells must be measured by the same encoders"),
    ("evaluate.question", "a study has one question"),
    ("race.rungs", "all cells run one race"),
    ("race.stop_values", "all cells run one race"),
    ("race.measure", "all cells run one race"),
];

/// One setting and the values it takes.
pub(super) type AxisValues = (String, Vec<Entry>);

/// Axes that are walked together: step `i` takes value `i` of each. All have the same number of values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Walk {
    pub(super) axes: Vec<AxisValues>,
}

impl Walk {
    /// How many steps it has.
    pub(super) fn len(&self) -> usize {
        self.axes.first().map_or(0, |(_, values)| values.len())
    }

    /// What step `i` assigns.
    pub(super) fn step(&self, i: usize) -> impl Iterator<Item = (String, Entry)> + '_ {
        self.axes.iter().filter_map(move |(key, values)| Some((key.clone(), values.get(i)?.clone())))
    }
}

/// Checks the sweep: its axes and groups in file order, those of an extended file first.
pub(super) fn walks(sweep: &Assignments, zip: &[Assignments], problems: &mut Problems) -> Vec<Walk> {
    let mut placed: Vec<((usize, usize), Walk)> = Vec::new();
    for (key, entry) in sweep {
        // A group of a later file replaces the axis of an extended one.
        let zipped = zip.iter().flatten().find(|(other, _)| other == key);
        if let Some((_, other)) = zipped {
            if other.layer > entry.layer {
                continue;
            }
            let problem = Problem::error(entry.origin.key(), format!("`{key}` is swept and zipped"));
            problems.push(problem.help("sweep it once: in `[sweep]` or in `[sweep.zip]`"));
        }
        if let Some(values) = axis_values(key, entry, true, problems) {
            placed.push(((entry.layer, position(entry)), Walk { axes: vec![(key.clone(), values)] }));
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for group in zip {
        let Some((_, first)) = group.first() else { continue };
        for (key, entry) in group {
            if seen.contains(&key.as_str()) {
                let problem = Problem::error(entry.origin.key(), format!("`{key}` is in two groups of `sweep.zip`"));
                problems.push(problem.help("keep one of them"));
            }
        }
        seen.extend(group.iter().map(|(key, _)| key.as_str()));
        if let [(key, entry)] = group.as_slice() {
            let problem = Problem::error(entry.origin.key(), format!("`{key}` is alone in its `sweep.zip`"));
            problems.push(
                problem
                    .expected("at least two settings that change together")
                    .help(format!("write it into `[sweep]`, or add a setting that changes with `{key}`")),
            );
        }
        let axes: Vec<Option<AxisValues>> =
            group.iter().map(|(key, entry)| Some((key.clone(), axis_values(key, entry, false, problems)?))).collect();
        let Some(axes) = axes.into_iter().collect::<Option<Vec<_>>>() else { continue };
        let length = |(_, values): &AxisValues| values.len();
        if let Some(other) = axes.iter().find(|axis| length(axis) != length(&axes[0])) {
            let entry = group.iter().find(|(key, _)| *key == other.0).map_or(first, |(_, entry)| entry);
            let message = format!("`sweep.zip`: `{}` has {} values", other.0, length(other));
            let expected = format!("{} values, as `{}` has", length(&axes[0]), axes[0].0);
            problems.push(Problem::error(entry.origin.value(), message).expected(expected));
            continue;
        }
        placed.push(((first.layer, position(first)), Walk { axes }));
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, walk)| walk).collect()
}

/// The values of one axis, each with its own place. `None` if the setting cannot be swept or is given no list.
///
/// `distinct`: no value may occur twice. In a group of axes that are walked together it may.
fn axis_values(key: &str, entry: &Entry, distinct: bool, problems: &mut Problems) -> Option<Vec<Entry>> {
    if refuse(key, entry, problems) {
        return None;
    }
    let values = match entry.value.as_array() {
        Some(values) if !values.is_empty() => values,
        _ => {
            let message = format!("`sweep.{key}` cannot be {}", shown(&entry.value));
            let problem =
                Problem::error(entry.origin.value(), message).expected("a list of at least one value, or a range");
            problems.push(problem);
            return None;
        }
    };
    if values.len() > MAX_CELLS {
        let message = format!("`sweep.{key}` has {} values", values.len());
        problems.push(Problem::error(entry.origin.key(), message).expected(format!("at most {MAX_CELLS}")));
        return None;
    }
    let item = |(i, value): (usize, &toml::Value)| assigned(value.clone(), entry.origin.item(i));
    let entries: Vec<Entry> = values.iter().enumerate().map(item).collect();
    for (i, entry) in entries.iter().enumerate().filter(|_| distinct) {
        if entries[..i].iter().any(|earlier| same(&earlier.value, &entry.value)) {
            let message = format!("`sweep.{key}` has {} twice", shown(&entry.value));
            problems.push(Problem::error(entry.origin.value(), message).help("remove one of them"));
        }
    }
    Some(entries)
}

/// A value that a cell assigns: it wins over every layer.
pub(super) fn assigned(value: toml::Value, origin: Origin) -> Entry {
    Entry { value, origin, layer: usize::MAX }
}

/// Notes a setting that cannot be swept.
pub(super) fn refuse(key: &str, entry: &Entry, problems: &mut Problems) -> bool {
    let reason = NOT_SWEPT.iter().find(|(refused, _)| *refused == key);
    if let Some((_, reason)) = reason {
        problems.push(Problem::error(entry.origin.key(), format!("`{key}` cannot be swept: {reason}")));
    }
    reason.is_some()
}
