//! The check of photos, without a base model and before anything is trained.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::memories::Memories;
use super::read::Study;
use crate::choice::Crop;
use crate::photos::check::{Finding, Usage, findings};
use crate::photos::{Scan, survey};
use crate::plan;

/// Photos that were looked at, and everything that can be said against them.
#[derive(Debug)]
pub struct CheckedPhotos {
    /// The folders or files.
    pub images: Vec<PathBuf>,
    /// The photos that can be used.
    pub scan: Scan,
    /// What is done with them.
    pub usages: BTreeSet<Usage>,
    /// What can be said against them, the worst first.
    pub findings: Vec<Finding>,
}

impl CheckedPhotos {
    /// Looks at folders outside of a study: all photos are trained on, as squares of `resolution` pixels. What was
    /// found out before is taken from `store`.
    #[must_use]
    pub fn of_folders(
        images: Vec<PathBuf>,
        masks: Option<&Path>,
        (resolution, crop): (usize, Crop),
        store: &Path,
    ) -> Self {
        let mut memories = Memories::open(store);
        let usages = BTreeSet::from([Usage::of_all(resolution, crop)]);
        let checked = Self::new(images, masks, &mut memories, usages);
        memories.keep();
        checked
    }

    fn new(images: Vec<PathBuf>, masks: Option<&Path>, memories: &mut Memories, usages: BTreeSet<Usage>) -> Self {
        let (scan, mut all) = survey(&images, masks, &mut memories.photos);
        all.extend(findings(&scan, &usages));
        Self { images, scan, usages, findings: all }
    }

    /// Whether a study could not run: a photo, a folder or a mask cannot be used, or there is no photo.
    #[must_use]
    pub fn is_unusable(&self) -> bool {
        self.scan.photos.is_empty() || self.findings.iter().any(|finding| finding.kind.is_fatal())
    }
}

impl Study {
    /// Looks at the photos of all cells, once for each setting of `dataset.images`.
    #[must_use]
    pub fn check_photos(&self, store: &Path) -> Vec<CheckedPhotos> {
        let mut memories = Memories::open(store);
        let mut checked: Vec<CheckedPhotos> = Vec::new();
        for dataset in self.experiment.cells().iter().map(|cell| &cell.settings.dataset) {
            let images = &dataset.images;
            if checked.iter().all(|other| other.images != *images) {
                let usages = plan::usages(&self.experiment, images);
                checked.push(CheckedPhotos::new(images.clone(), dataset.masks.as_deref(), &mut memories, usages));
            }
        }
        memories.keep();
        checked
    }
}
