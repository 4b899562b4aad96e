//! Has the class become the subject? Images of class prompts with the adapter, in the eyes of an encoder and in pixels,
//! as a share of what the adapter does to the subject's prompts.

use super::effect::BASELINE_RMSE;
use super::identity::{floor, mean_to, of_images};
use crate::choice::Purpose;
use crate::measures::features::{FeatureCell, PhotoFeatures, Shows, lower_limit};
use crate::measures::measure::{Better, Measure, Of};
use crate::measures::numbers::CellNumbers;

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
        note: "Lower limit of the 95 % interval of the leak, by a bootstrap over the held-out photos. Above 0.25 the \
               class counts as overwritten.",
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
    let of = |photo: &PhotoFeatures<'_>| {
        let class = mean_to(cell, Shows::Class, photo, |image| Some(image.image))?
            - mean_to(cell, Shows::Class, photo, |image| image.base)?;
        let subject = mean_to(cell, Shows::Subject, photo, |image| Some(image.image))?
            - mean_to(cell, Shows::Subject, photo, |image| image.floor)?;
        Some((class, subject))
    };
    let gains: Vec<(f64, f64)> = cell.held_out.iter().map(of).collect::<Option<_>>()?;
    lower_limit(gains.len(), |weights| {
        let sum = |gain: fn(&(f64, f64)) -> f64| gains.iter().zip(weights).map(|(g, w)| gain(g) * w).sum::<f64>();
        share(sum(|gain| gain.0), sum(|gain| gain.1))
    })
}
