//! Does an image show the subject? The likeness to real photos, between what the base model and what real photos reach.

use crate::choice::Purpose;
use crate::measures::features::{FeatureCell, FeatureImage, PhotoFeatures, Shows, cosine, lower_limit, mean_cosine};
use crate::measures::inputs::mean;
use crate::measures::measure::{Better, Measure, Of};
use crate::measures::verdict::bootstrap::bootstrap;
use crate::measures::verdict::estimate::Estimate;

/// The likeness to held-out photos.
pub const IDENTITY: Measure = Measure {
    name: "identity",
    note: "Likeness to the subject: mean cosine of an image's features to those of the held-out photos, −1 to 1.",
    better: Better::Higher,
    floor: Some(FLOOR.name),
    ceiling: &[CEILING.name],
    of: Of::CellFeatures(Purpose::Identity, |cell| of_images(cell, Shows::Subject, |image| Some(image.image))),
};

/// What the base model reaches.
pub const FLOOR: Measure = Measure {
    name: "identity_floor",
    note: "The likeness of the base model's images for the same prompts on the same noise, with the class word in \
           place of the identifier.",
    better: Better::Neither,
    floor: None,
    ceiling: &[],
    of: Of::CellFeatures(Purpose::Identity, |cell| of_images(cell, Shows::Subject, |image| image.floor)),
};

/// What real photos reach.
pub const CEILING: Measure = Measure {
    name: "identity_ceiling",
    note: "The likeness of real photos: the mean cosine of each held-out photo to the other held-out photos. With one \
           held-out photo it is its mean cosine to the training photos of the largest size.",
    of: Of::CellFeatures(Purpose::Identity, ceiling),
    ..FLOOR
};

/// The likeness as a share of what can be reached.
pub const SHARE: Measure = Measure {
    name: "identity_share",
    note: "Likeness as a share of what can be reached: (likeness − floor) / (ceiling − floor). 0 is the base model, 1 \
           is as like as one real photo is another.",
    better: Better::Higher,
    of: Of::CellFeatures(Purpose::Identity, |cell| {
        let (score, floor) = (of_images(cell, Shows::Subject, |image| Some(image.image))?, floor(cell)?);
        let range = ceiling(cell)? - floor;
        (range > 0.0).then(|| (score - floor) / range)
    }),
    ..FLOOR
};

/// Whether the encoder sees the subject at all.
pub const RANGE_LOW: Measure = Measure {
    name: "identity_range_low",
    note: "Lower limit of the 95 % interval of ceiling − floor, by a bootstrap over the held-out photos. If it is not \
           above 0, the encoder does not see the subject, and its likeness says nothing.",
    of: Of::CellFeatures(Purpose::Identity, range_low),
    ..FLOOR
};

/// The numbers of an image, then those of a cell.
pub(super) const MEASURES: &[Measure] = &[
    Measure { of: Of::ImageFeatures(Purpose::Identity, |cell, image| score(image.image, &cell.held_out)), ..IDENTITY },
    Measure { of: Of::ImageFeatures(Purpose::Identity, |cell, image| score(image.floor?, &cell.held_out)), ..FLOOR },
    Measure {
        name: "identity_train",
        note: "Mean cosine of an image's features to those of the training photos, −1 to 1.",
        of: Of::ImageFeatures(Purpose::Identity, |cell, image| score(image.image, &cell.train)),
        ..FLOOR
    },
    IDENTITY,
    Measure {
        name: "identity_train",
        note: "Mean cosine of the images' features to those of the training photos, −1 to 1. It is no measure of \
               success, because a copy of a training photo has the highest one.",
        of: Of::CellFeatures(Purpose::Identity, |cell| {
            mean(cell.showing(Shows::Subject).filter_map(|image| score(image.image, &cell.train)))
        }),
        ..FLOOR
    },
    SHARE,
    FLOOR,
    Measure {
        name: "identity_name_floor",
        note: "The likeness of the base model's images by the subject's name. Near the ceiling, the base model knows \
               the subject already.",
        of: Of::CellFeatures(Purpose::Identity, |cell| {
            mean(cell.by_name.iter().filter_map(|image| score(image, &cell.held_out)))
        }),
        ..FLOOR
    },
    Measure {
        name: "identity_name_low",
        note: "Lower end of the 95 % interval of `identity_name_floor`, by bootstrap over images and held-out photos.",
        of: Of::CellFeatures(Purpose::Identity, |cell| by_name(cell)?.low),
        ..FLOOR
    },
    Measure {
        name: "identity_name_high",
        note: "Upper end of the 95 % interval of `identity_name_floor`, by bootstrap over images and held-out photos.",
        of: Of::CellFeatures(Purpose::Identity, |cell| by_name(cell)?.high),
        ..FLOOR
    },
    CEILING,
    RANGE_LOW,
];

/// The likeness of the base model's images by the subject's name, with its interval.
fn by_name(cell: &FeatureCell<'_>) -> Option<Estimate> {
    let to_photos =
        |image: &&[f32]| cell.held_out.iter().map(|photo| score(image, std::slice::from_ref(photo))).collect();
    let table: Option<Vec<Vec<f64>>> = cell.by_name.iter().map(to_photos).collect();
    bootstrap(&table?)
}

/// The mean cosine of a picture to photos.
fn score(picture: &[f32], photos: &[PhotoFeatures<'_>]) -> Option<f64> {
    mean_cosine(picture, photos.iter().map(|photo| photo.plain))
}

/// The mean score, to the held-out photos, of the pictures that `picture` finds in the images that show that.
pub(super) fn of_images<'a>(
    cell: &FeatureCell<'a>,
    shows: Shows,
    picture: impl Fn(&FeatureImage<'a>) -> Option<&'a [f32]>,
) -> Option<f64> {
    mean(cell.showing(shows).filter_map(|image| score(picture(image)?, &cell.held_out)))
}

/// The floor of a cell.
pub(super) fn floor(cell: &FeatureCell<'_>) -> Option<f64> {
    of_images(cell, Shows::Subject, |image| image.floor)
}

fn ceiling(cell: &FeatureCell<'_>) -> Option<f64> {
    match cell.held_out.as_slice() {
        [] => None,
        [one] => score(one.plain, &cell.largest),
        several => among(&cosines(several), &vec![1.0; several.len()]),
    }
}

/// The cosine of every photo to every photo.
fn cosines(photos: &[PhotoFeatures<'_>]) -> Vec<Vec<f64>> {
    photos.iter().map(|a| photos.iter().map(|b| cosine(a.plain, b.plain)).collect()).collect()
}

/// The mean cosine of two different photos, where a photo counts by its weight.
fn among(cosines: &[Vec<f64>], weights: &[f64]) -> Option<f64> {
    let (mut sum, mut whole) = (0.0, 0.0);
    for (i, row) in cosines.iter().enumerate() {
        for (j, cosine) in row.iter().enumerate().take(i) {
            sum += weights[i] * weights[j] * cosine;
            whole += weights[i] * weights[j];
        }
    }
    (whole > 0.0).then(|| sum / whole)
}

fn range_low(cell: &FeatureCell<'_>) -> Option<f64> {
    let photos = &cell.held_out;
    let floor = |photo| mean_to(cell, Shows::Subject, photo, |image| image.floor);
    let floors: Vec<f64> = photos.iter().map(floor).collect::<Option<_>>()?;
    let cosines = cosines(photos);
    lower_limit(photos.len(), |weights| {
        let floor = floors.iter().zip(weights).map(|(floor, weight)| floor * weight).sum::<f64>();
        Some(among(&cosines, weights)? - floor / photos.len() as f64)
    })
}

/// The mean cosine of a photo to the pictures that `picture` finds in the images that show that.
pub(super) fn mean_to<'a>(
    cell: &FeatureCell<'a>,
    shows: Shows,
    photo: &PhotoFeatures<'_>,
    picture: impl Fn(&FeatureImage<'a>) -> Option<&'a [f32]>,
) -> Option<f64> {
    mean(cell.showing(shows).filter_map(|image| Some(cosine(photo.plain, picture(image)?))))
}
