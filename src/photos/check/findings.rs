//! All rules.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::usage::Usage;
use super::{each, together};
use crate::photos::found::Scan;

/// Everything that can be said against the photos of a scan that was examined, for the cells that use it: sorted by
/// kind, each finding once.
#[must_use]
pub fn findings(scan: &Scan, usages: &BTreeSet<Usage>) -> Vec<Finding> {
    let mut found: BTreeSet<Finding> = BTreeSet::new();
    found.extend(together::unused(scan));
    found.extend(together::copies(scan));
    found.extend(together::variety(scan));
    found.extend(together::few_masks(scan));
    found.extend(each::blurred(scan));
    let seeds: BTreeSet<u64> = usages.iter().map(|usage| usage.seed).collect();
    for usage in usages {
        found.extend(together::moved(scan, usage, seeds.len() > 1));
        found.extend(each::tiny(scan, usage));
        found.extend(each::cropped(scan, usage));
    }
    found.into_iter().collect()
}
