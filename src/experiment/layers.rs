//! The layers put together: defaults, the `extends` chain, the file, the environment, `--set`.
//!
//! figment merges them; each value keeps the layer that won, and with it its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::defaults::{DEFAULTS, KEYS};
use super::entry::{Assignments, Entry, position};
use super::layer::Layer;
use super::paths::neighbour;
use super::problem::Problem;
use super::problems::Problems;
use super::source::{Place, Source};
use super::value::shown;
use crate::files::plain_file;

/// An experiment file is text written by hand; a larger one is not an experiment file.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// A longer chain of `extends` is a mistake.
const MAX_CHAIN: usize = 32;

/// Settings that are given outside the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `a.b=v` of each `--set`; a later one wins.
    pub set: Vec<String>,
    /// `RUNNER_A__B=v` variables: `(name, value)`. Others are ignored, and so are names without `__`
    /// (CI machines set `RUNNER_NAME`, `RUNNER_OS` and more for themselves).
    pub env: Vec<(String, String)>,
    /// Relative paths in `set` and `env` start here. Empty = the process's.
    pub current_dir: PathBuf,
}

impl Overrides {
    /// `--set` values with this process's environment and working folder.
    #[must_use]
    pub fn from_process(set: Vec<String>) -> Self {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let mut env: Vec<_> = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        env.retain(|(name, _)| name.starts_with("RUNNER_"));
        env.sort();
        Self { set, env, current_dir: std::env::current_dir().unwrap_or_default() }
    }
}

/// All layers merged.
#[derive(Clone, Debug, Default)]
pub(super) struct Merged {
    /// Every setting that has a value.
    pub(super) values: BTreeMap<String, Entry>,
    /// The axes of the grid, in the order of each file; the axes of an extended file come first.
    pub(super) sweep: Assignments,
    /// Groups of axes that are walked together.
    pub(super) zip: Vec<Assignments>,
    pub(super) cells: Vec<Assignments>,
    pub(super) exclude: Vec<Assignments>,
    /// Where each section begins in the file that was asked for.
    pub(super) sections: BTreeMap<String, Place>,
    /// Settings that unknown keys were probably meant to be; they are not reported missing as well.
    pub(super) meant: BTreeSet<String>,
    /// The files that were read, the root of the chain first.
    pub(super) sources: Vec<Arc<Source>>,
    /// The file that was asked for, for problems without a better place.
    pub(super) file: PathBuf,
}

/// Reads and merges all layers. `None` after a problem that makes everything else unreadable.
pub(super) fn load(path: &Path, overrides: &Overrides, problems: &mut Problems) -> Option<Merged> {
    let defaults = Source { path: "defaults.toml".into(), folder: PathBuf::new(), text: DEFAULTS.to_owned() };
    let mut layers = vec![Layer::from_source(&Arc::new(defaults), problems)?];
    let (of_files, sources) = chain(path, problems)?;
    layers.extend(of_files);
    layers.push(environment(overrides, problems));
    layers.push(set(overrides, problems));
    Some(Merged { sources, ..merge(layers, path) })
}

/// The file and all it extends, the root of the chain first.
fn chain(path: &Path, problems: &mut Problems) -> Option<(Vec<Layer>, Vec<Arc<Source>>)> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut sources = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut next = Some((path.to_owned(), Place::Path(path.to_owned())));
    while let Some((path, named_at)) = next.take() {
        let canonical = match std::fs::canonicalize(&path) {
            Ok(canonical) => canonical,
            Err(error) => {
                problems.push(unreadable(&path, named_at, &error.to_string(), error.kind()));
                return None;
            }
        };
        if seen.contains(&canonical) {
            let message = format!("`extends` goes in a circle: {} is already part of the chain", path.display());
            problems.push(Problem::error(named_at, message).help("remove this `extends` or name another file"));
            return None;
        }
        if seen.len() == MAX_CHAIN {
            let problem = Problem::error(named_at, "this `extends` makes the chain of files too long");
            problems.push(problem.expected(format!("at most {MAX_CHAIN} files")));
            return None;
        }
        seen.push(canonical);
        let source = match read(&path) {
            Ok(text) => {
                let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Arc::new(Source { folder: folder.to_owned(), path: path.clone(), text })
            }
            Err(error) => {
                problems.push(unreadable(&path, named_at, &error.to_string(), error.kind()));
                return None;
            }
        };
        let layer = Layer::from_source(&source, problems)?;
        if let Some(extends) = &layer.extends {
            match &extends.value {
                toml::Value::String(parent) if !parent.is_empty() => {
                    let here = source.folder == Path::new(".");
                    let parent = if here { PathBuf::from(parent) } else { source.folder.join(parent) };
                    next = Some((parent, extends.origin.value()));
                }
                other => {
                    let message = format!("`extends` cannot be {}", shown(other));
                    problems.push(Problem::error(extends.origin.value(), message).expected("the path of a TOML file"));
                }
            }
        }
        layers.push(layer);
        sources.push(source);
    }
    layers.reverse();
    sources.reverse();
    Some((layers, sources))
}

fn read(path: &Path) -> std::io::Result<String> {
    let invalid = |message: String| std::io::Error::new(std::io::ErrorKind::InvalidData, message);
    let bytes = plain_file::read(path, MAX_FILE_BYTES).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => {
            invalid(format!("it has more than {MAX_FILE_BYTES} bytes, more than an experiment file may have"))
        }
        _ => error,
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|b| **b == b'\n').count() + 1;
        invalid(format!("it is not UTF-8 text (line {line})"))
    })
}

fn unreadable(path: &Path, named_at: Place, error: &str, kind: std::io::ErrorKind) -> Problem {
    let absent = kind == std::io::ErrorKind::NotFound;
    let reason = if absent { "there is no such file" } else { error };
    let at_itself = matches!(&named_at, Place::Path(_));
    let subject = if at_itself { "cannot be read".to_owned() } else { format!("{} cannot be read", path.display()) };
    let problem = Problem::error(named_at, format!("{subject}: {reason}")).suggestion(if absent {
        neighbour(path, &|path| path.extension().is_some_and(|e| e == "toml"))
    } else {
        None
    });
    if at_itself { problem } else { problem.help("paths are relative to the file that names them") }
}

fn environment(overrides: &Overrides, problems: &mut Problems) -> Layer {
    let texts = overrides.env.iter().filter_map(|(name, value)| {
        let path = name.strip_prefix("RUNNER_").filter(|path| path.contains("__"))?;
        let what = format!("environment variable {name}={value}");
        Some((what, path.to_lowercase().replace("__", "."), value.clone()))
    });
    Layer::from_texts(texts, &overrides.current_dir, problems)
}

fn set(overrides: &Overrides, problems: &mut Problems) -> Layer {
    let mut texts = Vec::new();
    for text in &overrides.set {
        let what = format!("--set {text}");
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() => {
                texts.push((what, path.trim().to_owned(), value.trim().to_owned()));
            }
            _ => problems.push(
                Problem::error(Place::Text(what), "this is not a setting")
                    .expected("a key and a value, e.g. `train.rank=8`"),
            ),
        }
    }
    Layer::from_texts(texts, &overrides.current_dir, problems)
}

/// A layer as figment sees it. The name of its metadata is its number, so every merged value tells where it was
/// written.
struct Numbered<'a>(usize, &'a Layer);

impl Provider for Numbered<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut dict = Dict::new();
        for (key, entry) in &self.1.settings {
            insert(&mut dict, key, Value::serialize(&entry.value)?);
        }
        for (key, entry) in &self.1.sweep {
            insert(&mut dict, &format!("sweep.{key}"), Value::serialize(&entry.value)?);
        }
        Ok(Profile::Default.collect(dict))
    }
}

fn insert(dict: &mut Dict, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            dict.insert(path.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = dict.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Merges the layers, lowest precedence first.
fn merge(layers: Vec<Layer>, path: &Path) -> Merged {
    let figment = layers
        .iter()
        .enumerate()
        .fold(Figment::new(), |figment, (number, layer)| figment.merge(Numbered(number, layer)));
    let mut merged = Merged { file: path.to_owned(), ..Merged::default() };
    for key in KEYS.iter().copied() {
        if let Some(entry) = merged_entry(&figment, key, |layer| &layers[layer].settings, key) {
            merged.values.insert(key.to_owned(), entry);
        }
        if let Some(entry) = merged_entry(&figment, &format!("sweep.{key}"), |layer| &layers[layer].sweep, key) {
            merged.sweep.push((key.to_owned(), entry));
        }
    }
    merged.sweep.sort_by_key(|(_, entry)| (entry.layer, position(entry)));
    for (number, layer) in layers.into_iter().enumerate() {
        let of_layer = |(key, entry): (String, Entry)| (key, Entry { layer: number, ..entry });
        if let Some(zip) = layer.zip {
            merged.zip = zip.into_iter().map(|group| group.into_iter().map(of_layer).collect()).collect();
        }
        merged.cells = layer.cells.unwrap_or(merged.cells);
        merged.exclude = layer.exclude.unwrap_or(merged.exclude);
        merged.sections.extend(layer.sections);
        merged.meant.extend(layer.meant);
    }
    // Only headers in the user's own files are worth pointing at.
    merged.sections.retain(|_, place| matches!(place, Place::File { source, .. } if source.path == path));
    merged
}

/// The value that figment chose for `path`, and the place where the layer that won has written `key`.
fn merged_entry<'a>(
    figment: &Figment,
    path: &str,
    written: impl Fn(usize) -> &'a Assignments,
    key: &str,
) -> Option<Entry> {
    let value = figment.find_value(path).ok()?;
    let layer = figment.get_metadata(value.tag())?.name.parse().ok()?;
    let (_, Entry { origin, .. }) = written(layer).iter().find(|(other, _)| other == key)?;
    Some(Entry { value: value.deserialize().ok()?, origin: origin.clone(), layer })
}
