//! Photos → square crops and latents. Shared by every cell that uses the same photos.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::about::About;
use super::cell::{CellFacts, Cropping, Keys, ModelInputs, captions, read_anew};
use super::key::KeyInputs;

/// What the stage says about itself.
pub(super) const ABOUT: About = About {
    version: 2,
    noun: "preparing the photos",
    made_again: "prepared again",
    needs: &[],
    work: pixels,
    written: pixels,
};

/// What the result depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prepare {
    /// Kind of device.
    pub device: String,
    /// The base model, for its autoencoder.
    pub model: ModelInputs,
    /// How photos are cut.
    pub dataset: Cropping,
    /// Content hashes of all photos that were found, sorted.
    pub photos: Vec<String>,
    /// Captions by content hash.
    pub captions: BTreeMap<String, String>,
    /// Photos that earlier versions read wrongly.
    pub photos_read_anew: Option<BTreeSet<String>>,
    /// Content hashes of photos and of their masks, in pairs; `None` without masks.
    pub masks: Option<Vec<[String; 2]>>,
    /// Where the photos lie (`dataset.images`).
    #[serde(skip)]
    pub folders: Vec<PathBuf>,
}

impl Prepare {
    pub(super) fn new(cell: &CellFacts<'_>, _: &Keys) -> Option<Self> {
        let dataset = &cell.settings.dataset;
        let mut photos: Vec<String> = cell.photos.iter().map(|photo| photo.hash.clone()).collect();
        photos.sort_unstable();
        Some(Self {
            device: cell.device_class.to_owned(),
            model: cell.model(),
            dataset: cell.cropping(),
            photos,
            captions: captions(cell.photos.iter(), dataset.captions, &cell.settings.subject),
            photos_read_anew: read_anew(cell.photos.iter()),
            masks: cell.mask_hashes(),
            folders: dataset.images.clone(),
        })
    }
}

fn pixels(inputs: &KeyInputs) -> Option<f64> {
    Some(inputs.length("photos") * inputs.number("dataset.resolution")?.powi(2))
}
