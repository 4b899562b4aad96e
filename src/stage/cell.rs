//! What several stages take from a cell.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{by_stage::ByStage, key::Key};
use crate::experiment::Settings;
use crate::experiment::settings::{Crop, Dataset, Dtype, EncoderChoice, Purpose, Subject};
use crate::photos::{Cut, Mask, Photo};

/// What the inputs of a cell's stages are made of.
#[derive(Debug)]
pub struct CellFacts<'a> {
    /// All settings of the cell.
    pub settings: &'a Settings,
    /// Content hash of the base model.
    pub base_hash: &'a str,
    /// `cpu`, `cuda` or `metal`: results are reproducible within a class of devices.
    pub device_class: &'a str,
    /// All photos that were found.
    pub photos: &'a [Photo],
    /// The masks of photos, by the photo's content hash.
    pub masks: &'a BTreeMap<String, Mask>,
    /// Those that are trained on, in order.
    pub train: Vec<&'a Photo>,
    /// Those that are held out, in order.
    pub held_out: Vec<&'a Photo>,
    /// Those of the training photos whose probe values are kept: the same number in every cell of a study.
    pub probed: Vec<&'a Photo>,
    /// The image encoders, in the order of the experiment file.
    pub encoders: Vec<CellEncoder<'a>>,
}

/// An image encoder of a study.
#[derive(Clone, Copy, Debug)]
pub struct CellEncoder<'a> {
    /// What the experiment file says of it.
    pub choice: &'a EncoderChoice,
    /// Its content hash, with the version of the code that makes its features.
    pub hash: &'a str,
}

impl CellEncoder<'_> {
    pub(super) fn is_for(&self, purpose: Purpose) -> bool {
        self.choice.is_for(purpose)
    }
}

/// The keys of a cell's earlier jobs.
pub type Keys = ByStage<Key>;

impl CellFacts<'_> {
    pub(super) fn model(&self) -> ModelInputs {
        let model = &self.settings.model;
        ModelInputs { base: self.base_hash.to_owned(), dtype: model.dtype, low_memory: model.low_memory }
    }

    /// Content hashes of photos and of their masks; `None` without masks.
    pub(super) fn mask_hashes(&self) -> Option<Vec<[String; 2]>> {
        let pairs = self.masks.iter().map(|(photo, mask)| [photo.clone(), mask.hash.clone()]);
        (!self.masks.is_empty()).then(|| pairs.collect())
    }

    pub(super) fn cropping(&self) -> Cropping {
        let dataset = &self.settings.dataset;
        let seed = (dataset.crop == Crop::Random).then_some(dataset.seed);
        let Dataset { resolution, crop, random_flip, aspect_buckets, .. } = *dataset;
        Cropping { resolution, crop, seed, random_flip, aspect_buckets }
    }
}

/// The base model that a stage loads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInputs {
    /// Content hash of its files.
    pub base: String,
    /// Storage type of its weights.
    pub dtype: Dtype,
    /// Smaller convolutions on the CPU: they sum the same products in another order.
    pub low_memory: bool,
}

/// How photos are cut to squares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cropping {
    /// Side of the square in pixels.
    pub resolution: usize,
    /// Where the square is cut out.
    pub crop: Crop,
    /// `dataset.seed`, if the place is random.
    pub seed: Option<u64>,
    /// Mirror images are encoded, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub random_flip: bool,
    /// The photos keep their shape, as far as possible.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub aspect_buckets: bool,
}

impl Cropping {
    /// How photos are cut.
    #[must_use]
    pub fn cut(&self) -> Cut {
        // The seed is there if it is used.
        let seed = self.seed.unwrap_or_default();
        Cut { resolution: self.resolution, crop: self.crop, seed, buckets: self.aspect_buckets }
    }
}

/// Content hashes, in order.
pub(super) fn hashes(photos: &[&Photo]) -> Vec<String> {
    photos.iter().map(|photo| photo.hash.clone()).collect()
}

/// Captions by content hash, with the subject's words in place of `{identifier}`, `{class}` and `{name}`; photos
/// without one are left out.
pub(super) fn captions<'a>(
    photos: impl Iterator<Item = &'a Photo>,
    used: bool,
    subject: &Subject,
) -> BTreeMap<String, String> {
    photos.filter_map(|photo| Some((photo.hash.clone(), subject.filled(photo.caption(used)?)))).collect()
}

/// Photos that earlier versions of this program read wrongly; `None` if there are none.
pub(super) fn read_anew<'a>(photos: impl Iterator<Item = &'a Photo>) -> Option<BTreeSet<String>> {
    let anew: BTreeSet<String> = photos.filter(|photo| photo.reading > 1).map(|photo| photo.hash.clone()).collect();
    (!anew.is_empty()).then_some(anew)
}
