//! What a study does with photos, as far as the rules ask for it.

use std::collections::BTreeSet;

use crate::choice::Crop;
use crate::photos::found::Scan;
use crate::photos::split::split;

/// How one cell uses the photos of a scan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// Side of the square crop in pixels.
    pub resolution: usize,
    pub(super) random: bool,
    pub(super) seed: u64,
    /// Content hashes of the photos that are trained on.
    pub(super) train: BTreeSet<String>,
    /// Content hashes of those that are held out.
    pub(super) held_out: BTreeSet<String>,
}

impl Usage {
    /// All photos are trained on.
    #[must_use]
    pub fn of_all(scan: &Scan, resolution: usize, crop: Crop) -> Self {
        Self::of_cell(scan, resolution, crop, 0, (scan.photos.len(), 0))
    }

    /// The photos are divided as [`split()`] does, by the seed; `size` of them are trained on and `held_out` are held
    /// out.
    #[must_use]
    pub fn of_cell(scan: &Scan, resolution: usize, crop: Crop, seed: u64, (size, held_out): (usize, usize)) -> Self {
        let divided = split(scan, seed, held_out);
        let hashes = |photos: &[usize]| photos.iter().map(|&photo| scan.photos[photo].hash.clone()).collect();
        Self {
            resolution,
            random: crop == Crop::Random,
            seed,
            train: hashes(&divided.train[..size.min(divided.train.len())]),
            held_out: hashes(&divided.held_out),
        }
    }

    pub(super) fn crop(&self) -> Crop {
        if self.random { Crop::Random } else { Crop::Center }
    }
}
