//! Class images for prior preservation: what the base model draws for the class prompt, and their latents.

use serde::Serialize;

use super::about::About;
use super::cell::{CellFacts, Keys, ModelInputs};
use super::drawing::{self, ImageHints};
use super::key::KeyInputs;
use crate::experiment::settings;

/// What the stage says about itself.
pub(super) const ABOUT: About = About {
    version: 2,
    noun: "the class images",
    made_again: "new class images",
    needs: &[],
    work: |inputs| Some(written(inputs)? * drawing::passes(inputs, "train.prior_preservation")?),
    written,
};

/// What the result depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassImages {
    /// Kind of device.
    pub device: String,
    /// The base model.
    pub model: ModelInputs,
    /// `[dataset]`
    pub dataset: Resolution,
    /// `[train]`
    pub train: ClassImageInputs,
    /// What changes no image.
    #[serde(skip)]
    pub hints: ImageHints,
}

/// `[dataset]`, as far as class images are concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolution {
    /// Side of the square images in pixels: that of the training crop.
    pub resolution: usize,
    /// Width and height of what is cut out of each training photo, in order, where photos keep their shapes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<(usize, usize)>,
}

/// `[train]`, as far as class images are concerned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassImageInputs {
    /// What is drawn, and how.
    pub prior_preservation: settings::ClassImages,
}

impl ClassImages {
    /// `None` without prior preservation.
    pub(super) fn new(cell: &CellFacts<'_>, _: &Keys) -> Option<Self> {
        let prior_preservation = cell.settings.train.prior_preservation.as_ref()?.class_images()?.clone();
        let (dataset, cut) = (&cell.settings.dataset, cell.cropping().cut());
        let photos = if dataset.aspect_buckets { cell.train.as_slice() } else { &[] };
        let shapes = photos.iter().map(|photo| cut.size((photo.width, photo.height))).collect();
        Some(Self {
            device: cell.device_class.to_owned(),
            model: cell.model(),
            dataset: Resolution { resolution: dataset.resolution, shapes },
            train: ClassImageInputs { prior_preservation },
            hints: ImageHints::of(cell),
        })
    }

    /// Width and height of each image, in order: those of the photos in turn, so that each shape has its share. `None`
    /// if all images are squares.
    #[must_use]
    pub fn sizes(&self) -> Option<Vec<(usize, usize)>> {
        let shapes = self.dataset.shapes.iter().copied().cycle();
        (!self.dataset.shapes.is_empty()).then(|| shapes.take(self.train.prior_preservation.count).collect())
    }
}

fn written(inputs: &KeyInputs) -> Option<f64> {
    Some(inputs.number("train.prior_preservation.images")? * inputs.number("dataset.resolution")?.powi(2))
}
