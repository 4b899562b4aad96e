//! Does the adapter still draw different pictures for different seeds, or has it collapsed to one picture?
//!
//! The difference of two pictures is their root mean squared difference, as for drift and effect: it has the same unit,
//! needs no window, and stays a distance where structural similarity is about 0 for any two unrelated pictures.
//! The base model on the same noise says how much variety the prompt and the sampler give. An adapter may draw with a
//! little less, because it always draws the same subject; one that has collapsed is near 0.

use image::RgbImage;

use crate::measures::error::MeasureError;
use crate::measures::inputs::mean;
use crate::measures::measure::{Better, Measure, Of};
use crate::measures::rmse::rmse;

const NAME: &str = "variety";
const FLOOR: &str = "baseline_variety";

/// The variety with the adapter, then that of the base model.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        name: NAME,
        note: "How different the images of one prompt are from seed to seed: mean root mean squared difference of two \
               of them, 0 to 1. Near 0 the adapter draws one picture whatever the noise is; a little less than the \
               base model's is usual, because the subject stays the same.",
        better: Better::Near,
        floor: Some(FLOOR),
        ceiling: &[],
        of: Of::Prompt(|pairs| variety(pairs.iter().map(|pair| &pair.image))),
    },
    Measure {
        name: FLOOR,
        note: "The same of the base model's images on the same noise.",
        better: Better::Neither,
        floor: None,
        ceiling: &[],
        of: Of::Prompt(|pairs| variety(pairs.iter().map(|pair| &pair.base))),
    },
];

/// The mean difference of two of the images; `None` for fewer than two images.
fn variety<'a>(images: impl Iterator<Item = &'a RgbImage>) -> Result<Option<f64>, MeasureError> {
    let images: Vec<&RgbImage> = images.collect();
    let mut differences = Vec::new();
    for (i, a) in images.iter().enumerate() {
        for b in &images[i + 1..] {
            differences.push(rmse(a, b)?);
        }
    }
    Ok(mean(differences))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn every_two_images_count_once_and_one_image_is_not_defined() {
        let flat = |level| RgbImage::from_pixel(3, 2, Rgb([level; 3]));
        let (black, grey, white) = (flat(0), flat(51), flat(255));
        let of = |images: &[&RgbImage]| variety(images.iter().copied()).expect("one size");
        // (0.2 + 1.0 + 0.8) / 3
        assert!((of(&[&black, &grey, &white]).expect("defined") - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(of(&[&grey, &grey]), Some(0.0));
        assert_eq!((of(&[&grey]), of(&[])), (None, None));
        assert!(variety([&black, &RgbImage::new(2, 3)].into_iter()).is_err());
    }
}
