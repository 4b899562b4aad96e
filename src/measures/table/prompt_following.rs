//! Does an image show what its prompt says? CLIP's cosine of image and text, without the identifier in the text: the
//! encoder does not know that word.
//!
//! J. Hessel et al., *CLIPScore*, 2021, without its factor 2.5; N. Ruiz et al., *DreamBooth*, 2023, call it CLIP-T.

use crate::choice::Purpose;
use crate::measures::features::{FeatureCell, FeatureImage, Shows, cosine};
use crate::measures::inputs::mean;
use crate::measures::measure::{Better, Measure, Of};

const FOLLOWING: Measure = Measure {
    name: "prompt_following",
    note: "Cosine of an image's features to those of its prompt with the class word in place of the identifier, −1 to \
           1.",
    better: Better::Higher,
    floor: Some(BASE.name),
    ceiling: &[],
    of: Of::CellFeatures(Purpose::Prompt, |cell| over(cell, |image| Some(image.image))),
};

const BASE: Measure = Measure {
    name: "baseline_prompt_following",
    note: "The same of the base model's image on the same prompt and noise.",
    better: Better::Neither,
    floor: None,
    ceiling: &[],
    of: Of::CellFeatures(Purpose::Prompt, |cell| over(cell, |image| image.base)),
};

/// The numbers of an image, then those of a cell.
pub(super) const MEASURES: &[Measure] = &[
    Measure { of: Of::ImageFeatures(Purpose::Prompt, |_, image| following(image, Some(image.image))), ..FOLLOWING },
    Measure { of: Of::ImageFeatures(Purpose::Prompt, |_, image| following(image, image.base)), ..BASE },
    FOLLOWING,
    BASE,
    Measure {
        name: "prompt_following_change",
        note: "Prompt following minus that of the base model on the same prompts and noise: below 0 the adapter has \
               forgotten something of the prompts.",
        better: Better::Higher,
        of: Of::CellFeatures(Purpose::Prompt, |cell| {
            let of =
                |image: &FeatureImage<'_>| Some(following(image, Some(image.image))? - following(image, image.base)?);
            mean(cell.showing(Shows::Subject).filter_map(of))
        }),
        ..BASE
    },
];

fn following(image: &FeatureImage<'_>, picture: Option<&[f32]>) -> Option<f64> {
    Some(cosine(picture?, image.text?))
}

fn over<'a>(cell: &FeatureCell<'a>, picture: impl Fn(&FeatureImage<'a>) -> Option<&'a [f32]>) -> Option<f64> {
    mean(cell.showing(Shows::Subject).filter_map(|image| following(image, picture(image))))
}
