//! From a TOML file to typed, checked settings.
//!
//! Layers, lowest precedence first: `defaults.toml` (embedded, see [`DEFAULTS`]), the chain of files named
//! by `extends`, the file itself, `RUNNER_A__B=v` in the environment, `--set a.b=v`. Later layers win key by
//! key; lists, `[[cells]]` and `[[exclude]]` are replaced as a whole. Then every cell of the grid (`grid.rs`)
//! is read and checked on its own, element by element: one file each, which names its keys, their ranges and
//! their messages. All problems are collected and told at once ([`Problems`]).

mod dataset;
mod evaluate;
mod generate;
mod grid;
mod heading;
mod layer;
mod layers;
mod model;
mod node;
mod prior_preservation;
mod problem;
mod prompt;
mod reader;
mod schema;
mod select;
pub mod settings;
mod source;
mod subject;
mod train;
mod value;

#[cfg(test)]
mod tests;

pub use generate::{GUIDANCE_SCALES, LORA_SCALES};
pub use grid::Axis;
pub use layers::Overrides;
pub use problem::{Problem, Problems, Severity};
pub use select::SelectError;
pub use settings::Settings;
pub use source::{Place, Source};
pub use value::{label, number};

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use layer::Entry;
use layers::Merged;
use reader::Reader;
use subject::Subject;

/// Every setting with its default and a comment; `runner defaults` prints it and users copy it.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// A whole study: what the file says, typed and checked.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Folder name of the report.
    pub name: String,
    /// Headline of the report.
    pub title: String,
    /// The file it was read from, as the user wrote it.
    pub file: PathBuf,
    /// Settings without the sweep; what only the sweep gives is as in the first cell.
    pub settings: Settings,
    /// The axes of the sweep.
    pub axes: Vec<Axis>,
    /// What the user should know; nothing that stops the study.
    pub warnings: Vec<Problem>,
    cells: Vec<Cell>,
    values: BTreeMap<String, Entry>,
}

/// One combination of the grid.
#[derive(Clone, Debug)]
pub struct Cell {
    /// `dataset.size=5 train.rank=4`; `default` for a study without a grid.
    pub label: String,
    /// The label as a folder name, unique in the study.
    pub slug: String,
    /// What this cell sets on top of the file, in file order.
    pub assignments: Vec<(String, toml::Value)>,
    /// All its settings, checked.
    pub settings: Settings,
    values: BTreeMap<String, Entry>,
}

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

    /// The combinations of the grid, in order; at least one.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Where the value of a setting stands: in `cell` (an index), or in the file if `None`. For problems that
    /// are found later, e.g. a resolution the model cannot do.
    #[must_use]
    pub fn place(&self, key: &str, cell: Option<usize>) -> Place {
        let values = cell.and_then(|cell| self.cells.get(cell)).map_or(&self.values, |cell| &cell.values);
        values.get(key).map_or_else(|| Place::Path(self.file.clone()), |entry| entry.origin.value())
    }
}

/// Expands the grid and checks every cell.
fn resolve(merged: Merged, problems: &mut Problems) -> Option<Experiment> {
    let Merged { values, sweep, cells, exclude, sections, mut meant, file } = merged;
    let axes = grid::axes(&sweep, problems);
    if problems.has_errors() {
        // A setting whose axis is wrong is not missing as well.
        meant.extend(sweep.iter().map(|(key, _)| key.clone()));
    }
    warn_of_ignored_overrides(&sweep, &values, problems);
    let combinations = grid::combinations(&axes, &cells, &exclude, &values, problems);
    let mut read = |values: &BTreeMap<String, Entry>| {
        let mut reader = Reader { values, sections: &sections, meant: &meant, file: &file, problems: &mut *problems };
        read_all(&mut reader)
    };
    let mut resolved: Vec<Cell> = Vec::new();
    let mut seen = HashSet::new();
    let mut heading = None;
    let mut complete = true;
    for combination in &combinations {
        let mut values = values.clone();
        values.extend(combination.iter().cloned());
        match read(&values) {
            Some((name, title, settings)) => {
                let text = format!("{settings:?}");
                if heading.is_none()
                    && let Some(problem) = grid::too_large(combinations.len(), text.len(), &values)
                {
                    problems.push(problem);
                    return None;
                }
                heading = Some((name, title));
                if seen.insert(blake3::hash(text.as_bytes())) {
                    let assignments = combination.iter().map(|(k, entry)| (k.clone(), entry.value.clone())).collect();
                    resolved.push(Cell { label: String::new(), slug: String::new(), assignments, settings, values });
                }
            }
            None => complete = false,
        }
    }
    // The file's own values must be right as well, even if every cell replaces them.
    let mut base = values.clone();
    let first = axes.iter().filter_map(|(key, values)| Some((key, values.first()?)));
    for (key, entry) in first.chain(cells.iter().flatten().map(|(key, entry)| (key, entry))) {
        base.entry(key.clone()).or_insert_with(|| entry.clone());
    }
    let (_, _, settings) = read(&base)?;
    let labels: Vec<String> = resolved.iter().map(|cell| grid::cell_label(&cell.assignments)).collect();
    for ((cell, slug), label) in resolved.iter_mut().zip(grid::slugs(&labels)).zip(&labels) {
        (cell.label, cell.slug) = (label.clone(), slug);
    }
    let (name, title) = heading.filter(|_| complete)?;
    let axis =
        |(key, values): (String, Vec<Entry>)| Axis { key, values: values.into_iter().map(|e| e.value).collect() };
    let axes = axes.into_iter().map(axis).collect();
    Some(Experiment { name, title, file, settings, axes, warnings: Vec::new(), cells: resolved, values })
}

/// Reads every element, so that every problem is found.
fn read_all(reader: &mut Reader<'_>) -> Option<(String, String, Settings)> {
    let heading = heading::read(reader);
    let model = model::read(reader);
    let subject = subject::read(reader);
    let dataset = dataset::read(reader);
    // Prompts are checked even if the words that fill them are wrong.
    let stand_in = || Subject { identifier: "{identifier}".into(), class: "{class}".into(), name: "{name}".into() };
    let words = subject.clone().unwrap_or_else(stand_in);
    let train = train::read(reader, &words, dataset.as_ref().map(|d| d.size));
    let generate = generate::read(reader, &words, dataset.as_ref().map(|d| d.resolution));
    let evaluate = evaluate::read(reader, &words);
    let (name, title) = heading?;
    let settings = Settings {
        model: model?,
        subject: subject?,
        dataset: dataset?,
        train: train?,
        generate: generate?,
        evaluate: evaluate?,
    };
    Some((name, title, settings))
}

/// `--set dataset.size=5` does nothing to cells that sweep over `dataset.size`.
fn warn_of_ignored_overrides(sweep: &layer::Assignments, values: &BTreeMap<String, Entry>, problems: &mut Problems) {
    for (key, _) in sweep {
        if let Some(Entry { origin: source::Origin::Text { what, raw, .. }, .. }) = values.get(key) {
            let message = format!("`{key}` is swept, so this changes no cell");
            problems.push(Problem::warning(Place::Text(what.clone()), message).help(format!(
                "to run one cell use --only '{key}={raw}', to replace the axis --set 'sweep.{key}=[{raw}]'"
            )));
        }
    }
}
