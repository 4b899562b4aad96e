//! What a study does with photos, as far as the rules ask for it.

use crate::choice::Crop;
use crate::photos::crop::Cut;

/// How one cell uses the photos of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// Side of the square crop in pixels.
    pub resolution: usize,
    random: bool,
    buckets: bool,
    pub(super) seed: u64,
    /// How many photos are held out.
    pub(super) held_out: usize,
}

impl Usage {
    /// All photos are trained on.
    #[must_use]
    pub fn of_all(resolution: usize, crop: Crop) -> Self {
        Self::of_cell(resolution, crop, 0, 0)
    }

    /// So many photos are held out, as [`split()`](super::super::split()) divides them by the seed.
    #[must_use]
    pub fn of_cell(resolution: usize, crop: Crop, seed: u64, held_out: usize) -> Self {
        Self { resolution, random: crop == Crop::Random, buckets: false, seed, held_out }
    }

    /// The same with photos that keep their shape, as far as possible.
    #[must_use]
    pub fn in_buckets(self, buckets: bool) -> Self {
        Self { buckets, ..self }
    }

    pub(super) fn cut(&self) -> Cut {
        let crop = if self.random { Crop::Random } else { Crop::Center };
        Cut { resolution: self.resolution, crop, seed: self.seed, buckets: self.buckets }
    }
}
