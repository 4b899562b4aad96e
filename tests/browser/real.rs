//! The report of a real run, and where reports lie.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use crate::common::{SMALL, Study};

/// The report of a real run: two sizes, two seeds, a class with prior preservation. Made once for all tests; what the
/// run stores is kept for the next time.
pub(crate) fn real() -> PathBuf {
    static REAL: OnceLock<PathBuf> = OnceLock::new();
    let made = REAL.get_or_init(|| {
        let study = Study::new(SMALL);
        let reports = below("real");
        study.expect(0, &["study.toml", "--reports-dir", reports.to_str().unwrap(), "--replace"]);
        reports.join("small")
    });
    made.clone()
}

/// A folder of this name below the build's folder.
fn below(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser").join(name)
}

/// An empty folder of this name below the build's folder, which tests may leave full. Tests run side by side, so a name
/// can be had once.
#[track_caller]
pub(crate) fn empty(name: &str) -> PathBuf {
    static TAKEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().unwrap();
    assert!(!taken.iter().any(|other| other == name), "two tests write into {name}");
    taken.push(name.into());
    drop(taken);
    let folder = below(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
