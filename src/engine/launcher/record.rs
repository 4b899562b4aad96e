//! What was submitted, in files beside the store.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::files::{FileError, write_atomic};
use crate::stage::{Key, Stage};

/// The arrays of one submission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// In the order in which they were handed over.
    pub arrays: Vec<Submitted>,
    /// The batch system's id of the job that writes the report.
    pub report: String,
}

/// One array of tasks that the batch system has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The batch system's id.
    pub id: String,
    /// The kind of work.
    pub stage: Stage,
    /// Its name among the arrays of the study.
    pub name: String,
    /// Index and key of each task's job.
    pub tasks: Vec<(usize, Key)>,
}

const FILE: &str = "submission.json";

impl Submission {
    /// The folder of a study's submissions, below the folder of reports.
    #[must_use]
    pub fn folder(reports: &Path, study: &str) -> PathBuf {
        reports.join(".submitted").join(study)
    }

    /// A new folder for a submission, with the next number.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn new_folder(of_study: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(of_study)?;
        let mut number = numbers(of_study).last().copied().unwrap_or(0);
        loop {
            number += 1;
            let folder = of_study.join(format!("{number:04}"));
            match fs::create_dir(&folder) {
                // Another submission took the number just now.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| folder),
            }
        }
    }

    /// Writes it into its folder.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();
        write_atomic(&folder.join(FILE), &json)
    }

    /// Every submission of a study, the oldest first. One that was not completed, or whose file is damaged, is left
    /// out: its tasks do nothing twice, because the store knows what is done and who is at it.
    #[must_use]
    pub fn all(of_study: &Path) -> Vec<Self> {
        let file = |number: &u64| of_study.join(format!("{number:04}")).join(FILE);
        let read = |number: &u64| serde_json::from_slice(&fs::read(file(number)).ok()?).ok();
        numbers(of_study).iter().filter_map(read).collect()
    }
}

/// The numbers of the submissions that there are, in order.
fn numbers(of_study: &Path) -> Vec<u64> {
    let entries = fs::read_dir(of_study).into_iter().flatten();
    let mut numbers: Vec<u64> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_are_read_in_order_and_damaged_ones_left_out() {
        let reports = tempfile::tempdir().unwrap();
        let folder = Submission::folder(reports.path(), "dog");
        assert!(Submission::all(&folder).is_empty());
        for id in ["7", "8", "9"] {
            let one = Submission { arrays: Vec::new(), report: id.into() };
            one.write(&Submission::new_folder(&folder).unwrap()).unwrap();
        }
        Submission::new_folder(&folder).unwrap();
        fs::write(folder.join("0002").join(FILE), "{").unwrap();
        let reports: Vec<String> = Submission::all(&folder).into_iter().map(|one| one.report).collect();
        assert_eq!(reports, ["7", "9"]);
        assert!(Submission::new_folder(&folder).unwrap().ends_with("0005"));
    }
}
