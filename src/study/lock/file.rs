//! The lock file: hashes of everything that a study is made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::differences::{differences, list};
use crate::experiment::settings::{Base, ModelSources};
use crate::experiment::{Source, flat, without_folders};
use crate::files::{FileError, plain_file, write_atomic};
use crate::photos::Scan;
use crate::plan::Plan;
use crate::stage::{Stage, about};

/// Changes when a reader of the file must change.
const FORMAT: u32 = 1;
/// A larger file is not one of ours.
const MOST_BYTES: u64 = 64 << 20;
/// What stands on top of the file.
const HEAD: &str =
    "# Written by `runner lock`; `--locked` insists on it. Write it again after a change that is meant.\n";
/// Where a study runs is no part of what it is.
const NOT_LOCKED: &str = "model.device";

/// Everything that a study is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    pub(super) format: u32,
    /// Version of the program.
    pub(super) runner: String,
    /// BLAKE3 of the experiment file and of each file it extends, by the path as seen from the lock file.
    pub(super) files: BTreeMap<String, String>,
    /// The values of each setting in the cells, as text.
    pub(super) settings: BTreeMap<String, String>,
    /// Versions of the stages: a higher one makes other results of the same settings.
    pub(super) stages: BTreeMap<String, u32>,
    /// Hashes of base models and encoders, by name.
    pub(super) models: BTreeMap<String, String>,
    /// For each setting of `dataset.images`: BLAKE3 of every photo, caption and mask, by name.
    pub(super) photos: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a lock is made from.
pub(in crate::study) struct Locked<'a> {
    pub(in crate::study) file: &'a Path,
    pub(in crate::study) sources: &'a [std::sync::Arc<Source>],
    pub(in crate::study) plan: &'a Plan,
    pub(in crate::study) base_models: &'a BTreeMap<ModelSources, String>,
    pub(in crate::study) encoders: &'a BTreeMap<Base, String>,
    pub(in crate::study) photos: &'a BTreeMap<Vec<PathBuf>, Scan>,
}

/// Why a lock is not there, or does not fit.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// There is none.
    #[error("there is no {}; `runner lock {}` writes it", .file.display(), .study.display())]
    Missing {
        /// The lock file.
        file: PathBuf,
        /// The experiment file.
        study: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}: {what}", .file.display())]
    Unreadable {
        /// The lock file.
        file: PathBuf,
        /// Why.
        what: String,
    },
    /// Something is not as it was.
    #[error("the study is not what {} says:\n  {}\nif that is meant, write it again: runner lock {}",
             .file.display(), list(.changed), .study.display())]
    Changed {
        /// The lock file.
        file: PathBuf,
        /// The experiment file.
        study: PathBuf,
        /// What changed, each a plain sentence.
        changed: Vec<String>,
    },
}

/// Where the lock of an experiment file lies: `x.lock` beside `x.toml`.
#[must_use]
pub fn lock_file(experiment: &Path) -> PathBuf {
    experiment.with_extension("lock")
}

impl Lock {
    /// The lock of a study as it is now.
    pub(in crate::study) fn of(study: &Locked<'_>) -> Self {
        let folder = study.file.parent().unwrap_or(Path::new(""));
        let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
        let seen = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let base_models = study.base_models.iter().map(|(sources, hash)| (model_name(sources), hash.clone()));
        let encoders = study.encoders.iter().map(|(encoder, hash)| (base_name(encoder), hash.clone()));
        let versions = Stage::ALL.into_iter().map(|stage| (stage.name().to_owned(), about(stage).version));
        Self {
            format: FORMAT,
            runner: env!("CARGO_PKG_VERSION").to_owned(),
            files: study.sources.iter().map(|source| (seen(&source.path), hash(source.text.as_bytes()))).collect(),
            settings: settings(study.plan),
            stages: versions.collect(),
            models: base_models.chain(encoders).collect(),
            photos: study.photos.iter().map(|(folders, scan)| (folders_name(folders), photos(scan, &hash))).collect(),
        }
    }

    /// Reads a lock file.
    ///
    /// # Errors
    /// A file that is not there or is no lock file.
    pub fn read(study: &Path) -> Result<Self, LockError> {
        let file = lock_file(study);
        let unreadable = |what: String| LockError::Unreadable { file: file.clone(), what };
        let bytes = plain_file::read(&file, MOST_BYTES).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => LockError::Missing { file: file.clone(), study: study.to_owned() },
            _ => unreadable(error.to_string()),
        })?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
        let lock: Self = toml::from_str(&text).map_err(|error| unreadable(error.message().to_owned()))?;
        if lock.format != FORMAT {
            return Err(unreadable(format!("it has format {}, this runner reads format {FORMAT}", lock.format)));
        }
        Ok(lock)
    }

    /// Writes the lock file of an experiment as a whole; returns its path.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, study: &Path) -> Result<PathBuf, FileError> {
        let file = lock_file(study);
        let text = match toml::to_string(self) {
            Ok(text) => text,
            Err(error) => unreachable!("a lock is plain text by name: {error}"),
        };
        write_atomic(&file, format!("{HEAD}{text}").as_bytes())?;
        Ok(file)
    }

    /// Compares what is there now with this lock.
    ///
    /// # Errors
    /// [`LockError::Changed`] with everything that is not as it was.
    pub fn insist(&self, now: &Self, study: &Path) -> Result<(), LockError> {
        let changed = differences(self, now);
        if changed.is_empty() {
            return Ok(());
        }
        Err(LockError::Changed { file: lock_file(study), study: study.to_owned(), changed })
    }
}

/// Every setting of every cell, with the name and the title of the study.
fn settings(plan: &Plan) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cell in &plan.cells {
        for (key, value) in flat(&cell.settings).into_iter().filter(|(key, _)| key != NOT_LOCKED) {
            let values = all.entry(key).or_default();
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    let heading = [("name", &plan.name), ("title", &plan.title)].map(|(key, text)| (key.to_owned(), text.clone()));
    let joined = all.into_iter().map(|(key, values)| (key, values.join(" | ")));
    let cells = plan.cells.iter().map(|cell| cell.label.as_str()).collect::<Vec<_>>().join(" | ");
    joined.chain(heading).chain([("cells".to_owned(), cells)]).collect()
}

/// The hash of each photo with its caption and its mask.
fn photos(scan: &Scan, hash: &dyn Fn(&[u8]) -> String) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for photo in &scan.photos {
        files.insert(photo.name.clone(), photo.hash.clone());
        if let Some(caption) = &photo.caption {
            files.insert(format!("{} (caption)", photo.name), hash(caption.as_bytes()));
        }
        if let Some(mask) = scan.masks.get(&photo.hash) {
            files.insert(format!("{} (mask)", photo.name), mask.hash.clone());
        }
    }
    files
}

/// The model's name, with those of the parts that come from elsewhere.
fn model_name(ModelSources { base, vae, text_encoders }: &ModelSources) -> String {
    let part = |what: &str, part: &Option<Base>| part.as_ref().map(|part| format!(" with {what} {}", base_name(part)));
    let parts = [part("vae", vae), part("text_encoders", text_encoders)];
    std::iter::once(base_name(base)).chain(parts.into_iter().flatten()).collect()
}

fn base_name(base: &Base) -> String {
    match base {
        Base::Hub { id, revision } => format!("{id}@{}", revision.as_deref().unwrap_or("main")),
        Base::Folder(path) | Base::File(path) => without_folders(&absolute(path)),
    }
}

fn folders_name(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| without_folders(&absolute(folder))).collect::<Vec<_>>().join(" + ")
}

/// Its last two parts say the same wherever the command is given.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}
