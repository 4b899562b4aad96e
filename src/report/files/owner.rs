//! Which experiment a report folder belongs to, so that two experiments of one name do not replace
//! each other's report.
//!
//! The folder remembers the experiment file by a hash of its path as seen from the folder (a project may be moved, and
//! folders of this machine do not reach a report) and the study by the keys of its jobs (the file may be renamed). A
//! folder is another experiment's when both differ: an edited file is the same study, and so is a moved one.

use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

use crate::files::plain_file;
use crate::plan::Plan;
use crate::report::error::ReportError;
use crate::report::files::folder::Folder;

/// The file in the report folder.
const NAME: &str = ".report-study";
/// A record has some hundred bytes; a larger file is not one of ours.
const MOST_BYTES: u64 = 64 * 1024;

/// The experiment that writes a report.
#[derive(Clone, Debug)]
pub struct Owner {
    record: Record,
    /// The experiment file as the user named it.
    given: String,
    replace: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Name of the experiment file.
    experiment: String,
    /// Hash of its path as seen from the report folder.
    path: String,
    /// Hash of the keys of the whole plan's jobs.
    study: String,
}

impl Owner {
    /// The owner of the report in `folder`: an experiment file and its whole plan. With `replace` a report of another
    /// experiment is replaced.
    #[must_use]
    pub fn new(experiment: &Path, plan: &Plan, folder: &Path, replace: bool) -> Self {
        let mut study = blake3::Hasher::new();
        for job in &plan.jobs {
            study.update(job.stage.name().as_bytes()).update(b" ").update(job.key.as_str().as_bytes()).update(b"\n");
        }
        let path = seen_from(&resolved(folder), &resolved(experiment));
        let record = Record {
            experiment: experiment.file_name().unwrap_or(experiment.as_os_str()).to_string_lossy().into_owned(),
            path: short(&blake3::hash(path.as_bytes())),
            study: short(&study.finalize()),
        };
        Self { record, given: experiment.display().to_string(), replace }
    }

    /// An error if the folder holds the report of another experiment.
    ///
    /// # Errors
    /// [`ReportError::Taken`], which says what to do.
    pub fn check(&self, folder: &Path) -> Result<(), ReportError> {
        match read(folder) {
            Some(other) if !self.replace && other.path != self.record.path && other.study != self.record.study => {
                Err(ReportError::Taken {
                    folder: folder.to_owned(),
                    other: other.experiment,
                    experiment: self.given.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Notes the owner in the folder.
    pub(crate) fn write(&self, folder: &mut Folder) -> Result<(), ReportError> {
        let text = serde_json::to_string_pretty(&self.record).expect("three texts are JSON");
        folder.write(NAME, format!("{text}\n").as_bytes())
    }
}

/// Who wrote the folder last; `None` when nobody is known.
fn read(folder: &Path) -> Option<Record> {
    serde_json::from_slice(&plain_file::read(&folder.join(NAME), MOST_BYTES).ok()?).ok()
}

fn short(hash: &blake3::Hash) -> String {
    hash.to_hex().chars().take(32).collect()
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for part in whole.ancestors() {
        if let (Ok(there), Ok(rest)) = (part.canonicalize(), whole.strip_prefix(part)) {
            return there.join(rest);
        }
    }
    whole
}

/// A path as seen from a folder, with `/` between its parts.
fn seen_from(folder: &Path, path: &Path) -> String {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (folder.components().collect(), path.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - common);
    let down = to[common..].iter().map(|c| c.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Job;
    use crate::stage::{Stage, fixture};
    use std::fs;

    fn plan(size: usize) -> Plan {
        let settings = crate::report::collect::test_settings();
        let inputs = fixture::inputs(Stage::Train, &settings, &size.to_string());
        let key = inputs.key_inputs().key(Stage::Train);
        let (needs, cells, label) = (vec![], vec![], String::new());
        Plan { jobs: vec![Job { stage: Stage::Train, key, inputs, needs, cells, label }], ..Plan::default() }
    }

    fn write(owner: &Owner, out: &Path) {
        let mut folder = Folder::open(out).expect("opens");
        owner.write(&mut folder).expect("writes");
        folder.finish().expect("finishes");
    }

    #[test]
    fn another_experiment_is_told_and_may_be_replaced() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("reports/x");
        let owner = |file: &str, size: usize, replace| Owner::new(&dir.path().join(file), &plan(size), &out, replace);
        let a = owner("a.toml", 1, false);
        a.check(&out).expect("nothing is there yet");
        write(&a, &out);
        a.check(&out).expect("its own");
        owner("a.toml", 2, false).check(&out).expect("edited");
        owner("b.toml", 1, false).check(&out).expect("renamed");
        let error = owner("b.toml", 2, false).check(&out).expect_err("another").to_string();
        assert!(error.contains("a.toml") && error.contains("b.toml") && error.contains("--replace"), "{error}");
        owner("b.toml", 2, true).check(&out).expect("replaces");
    }

    #[test]
    fn the_same_file_in_another_project_is_another_and_a_moved_project_is_the_same() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("p/reports/x");
        write(&Owner::new(&dir.path().join("p/x.toml"), &plan(1), &out, false), &out);
        Owner::new(&dir.path().join("q/x.toml"), &plan(2), &out, false).check(&out).expect_err("another project");
        fs::rename(dir.path().join("p"), dir.path().join("moved")).expect("moves");
        let out = dir.path().join("moved/reports/x");
        Owner::new(&dir.path().join("moved/x.toml"), &plan(2), &out, false).check(&out).expect("moved and edited");
        let text = fs::read_to_string(out.join(NAME)).expect("reads");
        assert!(!text.contains(&*dir.path().to_string_lossy()), "{text}");
    }

    #[test]
    fn a_damaged_record_blocks_nobody() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let owner = Owner::new(Path::new("a.toml"), &plan(1), dir.path(), false);
        for text in ["", "{", "[]", "\0"] {
            fs::write(dir.path().join(NAME), text).expect("writes");
            owner.check(dir.path()).expect("not known");
        }
    }
}
