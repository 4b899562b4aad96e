//! The report of a real run, and where reports lie.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

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

/// An empty folder of this name below the build's folder, which tests may leave full.
pub(crate) fn empty(name: &str) -> PathBuf {
    let folder = below(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
