//! What the user should know before trusting a result: found while planning, told by plan, run and report.

mod prompts;

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Facts;
use super::make::count;
use crate::experiment::Experiment;
use crate::photos::Scan;

/// This many names are listed; more are counted.
const SHOWN: usize = 5;

/// Everything worth a warning, each a plain sentence, in a fixed order.
pub(super) fn gather(experiment: &Experiment, facts: &Facts) -> Vec<String> {
    let mut notices: Vec<String> = facts.base_warnings.values().flatten().cloned().collect();
    notices.extend(prompts::gather(experiment, facts));
    let mut seen: BTreeSet<&Vec<PathBuf>> = BTreeSet::new();
    for cell in experiment.cells() {
        let images = &cell.settings.dataset.images;
        if let Some(scan) = facts.photos.get(images).filter(|_| seen.insert(images)) {
            notices.extend(left_out(scan));
        }
    }
    notices
}

/// Files of a photo folder that are not used.
fn left_out(scan: &Scan) -> Option<String> {
    let names = scan.skipped.iter().map(|skipped| {
        let name = skipped.path.file_name().unwrap_or(skipped.path.as_os_str()).to_string_lossy();
        format!("{name} ({})", skipped.reason)
    });
    let files = count(scan.skipped.len(), "file");
    listed(names.collect()).map(|names| format!("{files} of the photo folder cannot be used: {names}."))
}

/// `a, b and 3 more`; `None` for nothing.
pub(super) fn listed(names: Vec<String>) -> Option<String> {
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown),
        (false, more) => Some(format!("{shown} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photos::Skipped;

    #[test]
    fn files_left_out_are_named_and_many_are_counted() {
        assert_eq!(left_out(&Scan::default()), None);
        let skipped = |n: usize| Skipped { path: format!("photos/{n}.heic").into(), reason: "a HEIC photo".into() };
        let scan = |n: usize| Scan { skipped: (0..n).map(skipped).collect(), ..Scan::default() };
        assert_eq!(left_out(&scan(1)).unwrap(), "1 file of the photo folder cannot be used: 0.heic (a HEIC photo).");
        assert!(left_out(&scan(7)).unwrap().ends_with("4.heic (a HEIC photo) and 2 more."));
    }
}
