//! From merged layers to a study: the grid is expanded, every cell is read and checked on its own.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::axis::Axis;
use super::entry::{Assignments, Entry};
use super::grid;
use super::layers::{self, Merged, Overrides};
use super::problem::Problem;
use super::problems::Problems;
use super::reader::Reader;
use super::sections::read_all;
use super::settings::Settings;
use super::source::{Origin, Place};
use super::study::{Cell, Experiment};
use super::walk::{AxisValues, walks};

impl Experiment {
    /// Reads, merges and checks everything.
    ///
    /// # Errors
    /// Every problem of the file, the files it extends, the environment and `--set`, all at once. Nothing
    /// but the existence of the named paths is looked up.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let Some(merged) = layers::load(path, overrides, &mut problems) else { return Err(problems) };
        match resolve(merged, &mut problems) {
            Some(mut experiment) if !problems.has_errors() => {
                experiment.warnings = problems.take_warnings();
                Ok(experiment)
            }
            _ => Err(problems),
        }
    }
}

/// What a cell is read into: name and title of the study, and the cell's settings.
type Read = (String, String, Settings);
/// Reads the values of one cell.
type ReadCell<'a> = dyn Fn(&BTreeMap<String, Entry>, &mut Problems) -> Option<Read> + 'a;

/// Expands the grid and checks every cell.
fn resolve(merged: Merged, problems: &mut Problems) -> Option<Experiment> {
    let Merged { values, sweep, zip, cells, exclude, sections, mut meant, file, sources } = merged;
    let walks = walks(&sweep, &zip, problems);
    let swept = || sweep.iter().chain(zip.iter().flatten());
    if problems.has_errors() {
        // A setting whose axis is wrong is not missing as well.
        meant.extend(swept().map(|(key, _)| key.clone()));
    }
    warn_of_ignored_overrides(swept(), &values, problems);
    let combinations = grid::combinations(&walks, &cells, &exclude, &values, problems);
    let axes: Vec<AxisValues> = walks.into_iter().flat_map(|walk| walk.axes).collect();
    let read = |values: &BTreeMap<String, Entry>, problems: &mut Problems| -> Option<Read> {
        read_all(&mut Reader { values, sections: &sections, meant: &meant, file: &file, problems })
    };
    let resolved = resolve_cells(&combinations, &values, &read, problems);
    // The file's own values must be right as well, even if every cell replaces them.
    let mut base = values.clone();
    let first = axes.iter().filter_map(|(key, values)| Some((key, values.first()?)));
    for (key, entry) in first.chain(cells.iter().flatten().map(|(key, entry)| (key, entry))) {
        base.entry(key.clone()).or_insert_with(|| entry.clone());
    }
    let (name, title, settings) = read(&base, problems)?;
    let axis =
        |(key, values): (String, Vec<Entry>)| Axis { key, values: values.into_iter().map(|e| e.value).collect() };
    let axes = axes.into_iter().map(axis).collect();
    let cells = named(resolved?);
    Some(Experiment { name, title, file, sources, settings, axes, warnings: Vec::new(), cells, values })
}

/// Reads every combination; cells whose settings are written alike are made one. `None` after a problem.
fn resolve_cells(
    combinations: &[Assignments],
    values: &BTreeMap<String, Entry>,
    read: &ReadCell<'_>,
    problems: &mut Problems,
) -> Option<Vec<Cell>> {
    let mut resolved: Vec<Cell> = Vec::new();
    let (mut seen, mut complete) = (HashSet::new(), true);
    for combination in combinations {
        let mut values = values.clone();
        values.extend(combination.iter().cloned());
        let Some((_, _, settings)) = read(&values, problems) else {
            complete = false;
            continue;
        };
        let text = serde_json::to_string(&settings).unwrap_or_else(|_| format!("{settings:?}"));
        if resolved.is_empty()
            && let Some(problem) = grid::too_large(combinations.len(), text.len(), &values)
        {
            problems.push(problem);
            return None;
        }
        if seen.insert(blake3::hash(text.as_bytes())) {
            let assignments = combination.iter().map(|(k, entry)| (k.clone(), entry.value.clone())).collect();
            resolved.push(Cell { label: String::new(), slug: String::new(), assignments, settings, values });
        }
    }
    complete.then_some(resolved)
}

/// Gives every cell its label and a folder name that is unique in the study.
fn named(mut cells: Vec<Cell>) -> Vec<Cell> {
    let slugs = grid::slugs(cells.iter().map(|cell| cell.assignments.as_slice()));
    for (cell, slug) in cells.iter_mut().zip(slugs) {
        (cell.label, cell.slug) = (grid::cell_label(&cell.assignments), slug);
    }
    cells
}

/// `--set dataset.size=5` does nothing to cells that sweep over `dataset.size`.
fn warn_of_ignored_overrides<'a>(
    sweep: impl Iterator<Item = &'a (String, Entry)>,
    values: &BTreeMap<String, Entry>,
    problems: &mut Problems,
) {
    for (key, _) in sweep {
        if let Some(Entry { origin: Origin::Text { what, raw, .. }, .. }) = values.get(key) {
            let message = format!("`{key}` is swept, so this changes no cell");
            problems.push(Problem::warning(Place::Text(what.clone()), message).help(format!(
                "to run one cell use --only '{key}={raw}', to replace the axis --set 'sweep.{key}=[{raw}]'"
            )));
        }
    }
}
