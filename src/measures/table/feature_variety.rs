//! Does the adapter still draw different pictures for different seeds, in the eyes of an encoder?

use crate::choice::Purpose;
use crate::measures::features::{FeatureCell, FeatureImage, Shows, cosine};
use crate::measures::inputs::mean;
use crate::measures::measure::{Better, Measure, Of};

/// The variety of a cell.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        name: "feature_variety",
        note: "How different the images of one prompt are from seed to seed: the mean of 1 − cosine over two images of \
               a prompt, as a share of the base model's on the same noise. 1 is as varied as the base model; near 0 \
               the adapter draws one picture whatever the noise is.",
        better: Better::Higher,
        floor: None,
        ceiling: &[],
        of: Of::CellFeatures(Purpose::Identity, |cell| of_base(cell, variety(cell, |image| Some(image.image))?)),
    },
    // Images that all show the subject are more alike than the base model's, which show many; so are its photos.
    Measure {
        name: "feature_variety_photos",
        note: "The same of real photos of the subject: the mean of 1 − cosine over two held-out photos (two training \
               photos, where fewer than two are held out), as a share of the base model's images. Images that vary as \
               much have lost nothing.",
        better: Better::Neither,
        floor: None,
        ceiling: &[],
        of: Of::CellFeatures(Purpose::Identity, |cell| {
            let photos = if cell.held_out.len() > 1 { &cell.held_out } else { &cell.train };
            of_base(cell, apart(photos, |photo| photo.plain)?)
        }),
    },
];

/// A mean distance as a share of that of the base model's images.
fn of_base(cell: &FeatureCell<'_>, distance: f64) -> Option<f64> {
    let base = variety(cell, |image| image.base)?;
    (base > 0.0).then_some(distance / base)
}

/// The mean over prompts of the mean distance of two images.
fn variety<'a>(cell: &FeatureCell<'a>, picture: impl Fn(&FeatureImage<'a>) -> Option<&'a [f32]>) -> Option<f64> {
    let images: Vec<(usize, &[f32])> =
        cell.showing(Shows::Subject).filter_map(|image| Some((image.prompt, picture(image)?))).collect();
    mean(images.chunk_by(|a, b| a.0 == b.0).filter_map(|prompt| apart(prompt, |image| image.1)))
}

/// The mean distance, 1 − cosine, of two pictures; `None` with fewer than two.
fn apart<T>(pictures: &[T], feature: impl Fn(&T) -> &[f32]) -> Option<f64> {
    let pairs = pictures.iter().enumerate().flat_map(|(i, a)| pictures[..i].iter().map(move |b| (a, b)));
    mean(pairs.map(|(a, b)| 1.0 - cosine(feature(a), feature(b))))
}
