//! Looks at all photos of some folders and goes on where one cannot be used.

use std::path::{Path, PathBuf};

use super::check::{Finding, Kind};
use super::error::PhotoError;
use super::examine::examine_all;
use super::found::{Scan, Skipped};
use super::memory::Memory;
use super::scan::scan_all;

/// The photos that can be used, and what cannot: photos, folders, masks. See [`scan()`](super::scan()) and
/// [`examine()`](super::examine()).
pub fn survey(paths: &[PathBuf], masks: Option<&Path>, memory: &mut Memory) -> (Scan, Vec<Finding>) {
    let (mut scan, mut errors) = scan_all(paths, masks);
    errors.extend(examine_all(&mut scan, memory));
    let unreadable = |error: &PhotoError| {
        let file = error.path().map(|path| path.display().to_string());
        Finding::new(Kind::Unreadable, file.into_iter().collect(), error.reason())
    };
    let bad_mask =
        |mask: &Skipped| Finding::new(Kind::BadMask, vec![mask.path.display().to_string()], mask.reason.clone());
    let findings = errors.iter().map(unreadable).chain(scan.bad_masks.iter().map(bad_mask)).collect();
    (scan, findings)
}
