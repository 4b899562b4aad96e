//! The subjects of a benchmark: folders with photos.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::prompt_list::PromptList;
use crate::photos::{Memory, survey};

/// Most folders of a benchmark.
const MOST_SUBJECTS: usize = 1_000;
/// Longest name of a folder, in characters: it becomes part of the name of a study.
const MOST_NAME_CHARS: usize = 60;
/// Names of other files that are written.
const TAKEN: [&str; 2] = ["dreambooth", "readme"];

/// One subject.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// The name of its folder: letters from a to z, digits, `_` and `-`.
    pub(super) name: String,
    pub(super) class: String,
    /// The folder's real path.
    pub(super) folder: PathBuf,
    /// How many photos can be used.
    pub(super) photos: usize,
}

/// The subjects, sorted by name; `list` was read from `file`.
///
/// # Errors
/// All subjects that cannot be used: an odd name, no class, no photos, photos that cannot be read.
pub(super) fn find(root: &Path, file: &Path, list: &PromptList) -> anyhow::Result<Vec<Subject>> {
    let entries = std::fs::read_dir(root).with_context(|| format!("{} cannot be read", root.display()))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")))
        .take(MOST_SUBJECTS + 1)
        .collect();
    folders.sort();
    if folders.is_empty() || folders.len() > MOST_SUBJECTS {
        let found =
            if folders.is_empty() { "no folder".to_owned() } else { format!("more than {MOST_SUBJECTS} folders") };
        bail!("{}: {found}; expected a folder with photos for each subject", root.display());
    }
    let (mut subjects, mut errors) = (Vec::new(), Vec::new());
    for folder in folders {
        match subject(&folder, file, list) {
            Ok(subject) => subjects.push(subject),
            Err(error) => errors.push(format!("{}: {error:#}", folder.display())),
        }
    }
    if errors.is_empty() { Ok(subjects) } else { bail!("{}", errors.join("\n")) }
}

fn subject(folder: &Path, file: &Path, list: &PromptList) -> anyhow::Result<Subject> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.chars().all(plain) || name.starts_with('-') || name.chars().count() > MOST_NAME_CHARS {
        bail!("rename it: a subject's name has 1 to {MOST_NAME_CHARS} letters from a to z, digits, `_` and `-`");
    }
    if TAKEN.contains(&name.to_lowercase().as_str()) {
        bail!("rename it: a file with the name {name:?} is written for all subjects");
    }
    let class = list.classes.get(&name);
    let class = class.with_context(|| format!("has no class; add a line `{name},CLASS` to {}", file.display()))?;
    let real = folder.canonicalize().context("cannot be read")?;
    let (scan, problems) = survey(&[folder.to_owned()], None, &mut Memory::default());
    if let Some(problem) = problems.first() {
        bail!("a photo cannot be used: {}", problem.item());
    }
    if scan.photos.is_empty() {
        bail!("it has no photos");
    }
    Ok(Subject { name, class: class.clone(), folder: real, photos: scan.photos.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> PromptList {
        let classes = [("duck", "toy"), ("..", "toy"), ("dreambooth", "toy"), ("empty", "toy")];
        let classes = classes.map(|(name, class)| (name.to_owned(), class.to_owned()));
        PromptList { classes: classes.into(), ..PromptList::default() }
    }

    fn find_in(folders: &[&str]) -> Result<Vec<Subject>, String> {
        let root = tempfile::tempdir().unwrap();
        for name in folders {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            if *name != "empty" {
                let photo = format!("{}/experiments/data/shinchan/00.jpg", env!("CARGO_MANIFEST_DIR"));
                std::fs::copy(photo, folder.join("00.jpg")).unwrap();
            }
        }
        find(root.path(), Path::new("prompts_and_classes.txt"), &list()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_subject_has_a_class_and_photos() {
        let subjects = find_in(&["duck", ".hidden"]).unwrap();
        assert_eq!(subjects.len(), 1);
        assert_eq!((subjects[0].name.as_str(), subjects[0].class.as_str(), subjects[0].photos), ("duck", "toy", 1));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let error = find_in(&["duck", "bear", "dreambooth", "empty", "a\"b", "-x", "a b"]).unwrap_err();
        assert_eq!(error.lines().count(), 6, "{error}");
        for part in [
            "bear: has no class; add a line `bear,CLASS` to prompts_and_classes.txt",
            "dreambooth: rename it: a file with the name",
            "empty: it has no photos",
            "a\"b: rename it: a subject's name has",
            "-x: rename it",
            "a b: rename it",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(find_in(&[]).unwrap_err().contains("no folder; expected a folder with photos for each subject"));
    }
}
