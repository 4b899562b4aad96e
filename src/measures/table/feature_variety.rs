//! Does the adapter still draw different pictures for different seeds, in the eyes of an encoder?

use crate::choice::Purpose;
use crate::measures::features::{FeatureCell, FeatureImage, Shows, cosine};
use crate::measures::inputs::mean;
use crate::measures::measure::{Better, Measure, Of};

/// The variety of a cell.
pub(super) const MEASURES: &[Measure] = &[Measure {
    name: "feature_variety",
    note: "How different the images of one prompt are from seed to seed: the mean of 1 − cosine over two images of a \
           prompt, as a share of the base model's on the same noise. 1 is as varied as the base model; near 0 the \
           adapter draws one picture whatever the noise is.",
    better: Better::Higher,
    floor: None,
    ceiling: &[],
    of: Of::CellFeatures(Purpose::Identity, |cell| {
        let base = variety(cell, |image| image.base)?;
        (base > 0.0).then_some(variety(cell, |image| Some(image.image))? / base)
    }),
}];

/// The mean over prompts of the mean distance of two images.
fn variety<'a>(cell: &FeatureCell<'a>, picture: impl Fn(&FeatureImage<'a>) -> Option<&'a [f32]>) -> Option<f64> {
    let images: Vec<(usize, &[f32])> =
        cell.showing(Shows::Subject).filter_map(|image| Some((image.prompt, picture(image)?))).collect();
    let of_prompt = |prompt: &[(usize, &[f32])]| {
        let pairs =
            prompt.iter().enumerate().flat_map(|(i, a)| prompt[..i].iter().map(move |b| 1.0 - cosine(a.1, b.1)));
        mean(pairs)
    };
    mean(images.chunk_by(|a, b| a.0 == b.0).filter_map(of_prompt))
}
