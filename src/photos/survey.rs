//! Looks at all photos of some folders and goes on where one cannot be used.

use std::path::{Path, PathBuf};

use super::check::{Finding, Kind};
use super::error::PhotoError;
use super::examine::examine_all;
use super::found::Scan;
use super::memory::Memory;
use super::scan::scan_all;

/// The photos that can be used, and what cannot: photos, folders, masks. See [`scan()`](super::scan()) and
/// [`examine()`](super::examine()).
pub fn survey(paths: &[PathBuf], masks: Option<&Path>, memory: &mut Memory) -> (Scan, Vec<Finding>) {
    let (mut scan, mut errors) = scan_all(paths, masks);
    errors.extend(examine_all(&mut scan, memory));
    let unusable = |kind: Kind, error: String| {
        // The file stands in front of the reason.
        let (file, reason) = error.split_once(": ").map_or((error.as_str(), ""), |parts| parts);
        Finding::new(kind, vec![file.to_owned()], reason)
    };
    let mut findings: Vec<Finding> =
        errors.iter().map(|error: &PhotoError| unusable(Kind::Unreadable, error.to_string())).collect();
    findings.extend(scan.bad_masks.iter().map(|error| unusable(Kind::BadMask, error.clone())));
    (scan, findings)
}
