//! The likeness to the subject alone, where photos have masks: images are compared with photos whose background is
//! covered by one colour, so that a background that images share with photos is not taken for the subject.
//!
//! Generated images have no masks. They are compared as they are, and so are the pictures of floor and ceiling.

use crate::choice::Purpose;
use crate::measures::features::{FeatureCell, PhotoFeatures, Shows, mean_cosine};
use crate::measures::inputs::mean;
use crate::measures::measure::{Better, Measure, Of};

const IDENTITY: Measure = Measure {
    name: "identity_masked",
    note: "Likeness to the subject alone: mean cosine of an image's features to those of the held-out photos without \
           their background, −1 to 1. Only photos with a mask count.",
    better: Better::Higher,
    floor: Some(FLOOR.name),
    ceiling: &[CEILING.name],
    of: Of::CellFeatures(Purpose::Identity, |cell| {
        mean(subject(cell).filter_map(|image| score(image, &cell.held_out)))
    }),
};

const FLOOR: Measure = Measure {
    name: "identity_masked_floor",
    note: "The same of the base model's images for the same prompts on the same noise, with the class word in place \
           of the identifier.",
    better: Better::Neither,
    floor: None,
    ceiling: &[],
    of: Of::CellFeatures(Purpose::Identity, floor),
};

const CEILING: Measure = Measure {
    name: "identity_masked_ceiling",
    note: "The same of real photos: the mean cosine of each held-out photo, with its background, to the other held-out \
           photos without theirs. With one held-out photo it is its mean cosine to the training photos of the largest \
           size without theirs.",
    of: Of::CellFeatures(Purpose::Identity, ceiling),
    ..FLOOR
};

/// The numbers of an image, then those of a cell.
pub(super) const MEASURES: &[Measure] = &[
    Measure { of: Of::ImageFeatures(Purpose::Identity, |cell, image| score(image.image, &cell.held_out)), ..IDENTITY },
    Measure { of: Of::ImageFeatures(Purpose::Identity, |cell, image| score(image.floor?, &cell.held_out)), ..FLOOR },
    IDENTITY,
    Measure {
        name: "identity_masked_share",
        note: "The likeness to the subject alone as a share of what can be reached: (likeness − floor) / (ceiling − \
               floor). Far below the share of likeness, the background makes a part of that.",
        better: Better::Higher,
        of: Of::CellFeatures(Purpose::Identity, |cell| {
            let floor = floor(cell)?;
            let range = ceiling(cell)? - floor;
            let score = mean(subject(cell).filter_map(|image| score(image, &cell.held_out)))?;
            (range > 0.0).then(|| (score - floor) / range)
        }),
        ..FLOOR
    },
    FLOOR,
    CEILING,
];

/// The images with the adapter that ask for the subject.
fn subject<'c>(cell: &'c FeatureCell<'_>) -> impl Iterator<Item = &'c [f32]> {
    cell.showing(Shows::Subject).map(|image| image.image)
}

/// The mean cosine of a picture to photos without their background.
fn score(picture: &[f32], photos: &[PhotoFeatures<'_>]) -> Option<f64> {
    mean_cosine(picture, photos.iter().filter_map(|photo| photo.masked))
}

fn floor(cell: &FeatureCell<'_>) -> Option<f64> {
    mean(cell.showing(Shows::Subject).filter_map(|image| score(image.floor?, &cell.held_out)))
}

fn ceiling(cell: &FeatureCell<'_>) -> Option<f64> {
    let with_mask: Vec<PhotoFeatures<'_>> = cell.held_out.iter().filter(|p| p.masked.is_some()).copied().collect();
    let others = |index: usize| match with_mask.len() {
        1 => cell.largest.clone(),
        _ => with_mask.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, photo)| *photo).collect(),
    };
    mean(with_mask.iter().enumerate().filter_map(|(index, photo)| score(photo.plain, &others(index))))
}
