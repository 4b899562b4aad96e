//! Has the class become the subject? Images of class prompts with the adapter, in the eyes of an encoder and in pixels,
//! as a share of what the adapter does to the subject's prompts.

use super::effect::BASELINE_RMSE;
use super::identity::{floor, of_images};
use crate::choice::Purpose;
use crate::measures::features::{FeatureCell, FeatureImage, Shows, cosine};
use crate::measures::measure::{Better, Measure, Of};
use crate::measures::numbers::CellNumbers;
use crate::measures::verdict::bootstrap::bootstrap_of;

const LEAK: Measure = Measure {
    name: "leak",
    note: "How much of the subject is in images of the class: the gain of likeness on class prompts as a share of the \
           gain on the subject's prompts over the floor. 0 is untouched, 1 is that every member of the class is now \
           the subject.",
    better: Better::Lower,
    floor: None,
    ceiling: &[],
    of: Of::CellFeatures(Purpose::Identity, |cell| {
        let gain = of_images(cell, Shows::Class, |image| Some(image.image))?
            - of_images(cell, Shows::Class, |image| image.base)?;
        let subject = of_images(cell, Shows::Subject, |image| Some(image.image))? - floor(cell)?;
        share(gain, subject)
    }),
};

/// The leak in the eyes of an encoder, then in pixels.
pub(super) const MEASURES: &[Measure] = &[
    LEAK,
    Measure {
        name: "leak_low",
        note: "Lower limit of the 95 % interval of the leak in this training, by a bootstrap over images and held-out \
               photos. Where there is one training, the class counts as overwritten if it is above 0.25.",
        of: Of::CellFeatures(Purpose::Identity, leak_low),
        ..LEAK
    },
    Measure {
        name: "class_change_share",
        note: "The change of pixels on prompts with the class word, as a share of the change on the subject's \
               prompts; both are root mean squared differences to the base model's images on the same noise. 1 is \
               that the adapter changes the class as much as the subject.",
        of: Of::CellNumbers(|cell| change_share(cell, Shows::Class)),
        ..LEAK
    },
    Measure {
        name: "other_change_share",
        note: "The same on prompts without the class word.",
        of: Of::CellNumbers(|cell| change_share(cell, Shows::Other)),
        ..LEAK
    },
];

/// The change of pixels of those images as a share of that of the subject's.
fn change_share(cell: &CellNumbers<'_>, shows: Shows) -> Option<f64> {
    share(cell.mean(shows, BASELINE_RMSE.name)?, cell.mean(Shows::Subject, BASELINE_RMSE.name)?)
}

/// `part / whole`; `None` if there is no whole.
fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn leak_low(cell: &FeatureCell<'_>) -> Option<f64> {
    let (class, subject) = (gains(cell, Shows::Class, |image| image.base), gains(cell, Shows::Subject, |i| i.floor));
    bootstrap_of(&[&class, &subject], |means| share(means[0], means[1]))?.low
}

/// How much more like each held-out photo (column) each image (row) is than the picture that the base model makes
/// instead.
fn gains<'a>(
    cell: &FeatureCell<'a>,
    shows: Shows,
    instead: impl Fn(&FeatureImage<'a>) -> Option<&'a [f32]>,
) -> Vec<Vec<f64>> {
    let pairs = cell.showing(shows).filter_map(|image| Some((image.image, instead(image)?)));
    let row = |(image, instead)| {
        cell.held_out.iter().map(|photo| cosine(photo.plain, image) - cosine(photo.plain, instead)).collect()
    };
    pairs.map(row).collect()
}
