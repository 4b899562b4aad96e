//! Does an image copy a training photo, in the eyes of an encoder? A copy is nearer to one training photo than to any
//! unseen photo of the same subject.

use crate::choice::Purpose;
use crate::measures::features::{FeatureCell, PhotoFeatures, Shows, gap};
use crate::measures::inputs::mean;
use crate::measures::measure::{Better, Measure, Of};

const GAP: Measure = Measure {
    name: "copying_gap",
    note: "Cosine to the nearest of k training photos minus cosine to the nearest of k held-out photos, averaged over \
           all choices of k photos, mirrored photos included; k is the number of training photos or of held-out photos \
           without one, whichever is smaller. Near the number of real photos it is no copying.",
    better: Better::Lower,
    floor: Some(BASE.name),
    ceiling: &[PHOTOS.name],
    of: Of::CellFeatures(Purpose::Identity, |cell| {
        mean(cell.showing(Shows::Subject).filter_map(|image| of_picture(cell, image.image)))
    }),
};

const BASE: Measure = Measure {
    name: "baseline_copying_gap",
    note: "The same of the base model's images, which copy nothing.",
    better: Better::Neither,
    floor: None,
    ceiling: &[],
    of: Of::CellFeatures(Purpose::Identity, |cell| {
        mean(cell.showing(Shows::Subject).filter_map(|image| of_picture(cell, image.base?)))
    }),
};

const PHOTOS: Measure = Measure {
    name: "held_out_copying_gap",
    note: "The same of each held-out photo against the training photos and the other held-out photos: what a new \
           picture of the subject has without any copying.",
    of: Of::CellFeatures(Purpose::Identity, |cell| {
        let of = |(index, photo): (usize, &PhotoFeatures<'_>)| {
            let mut others = cell.held_out.clone();
            others.remove(index);
            gap(photo.plain, &cell.train, &others, references(cell))
        };
        mean(cell.held_out.iter().enumerate().filter_map(of))
    }),
    ..BASE
};

/// The number of an image, then those of a cell.
pub(super) const MEASURES: &[Measure] = &[
    Measure {
        of: Of::ImageFeatures(Purpose::Identity, |cell, image| match image.shows {
            Shows::Subject => of_picture(cell, image.image),
            Shows::Class | Shows::Other => None,
        }),
        ..GAP
    },
    GAP,
    BASE,
    PHOTOS,
];

fn of_picture(cell: &FeatureCell<'_>, picture: &[f32]) -> Option<f64> {
    gap(picture, &cell.train, &cell.held_out, references(cell))
}

/// The number of photos of each kind: the same for images and for held-out photos, which cannot be compared with
/// themselves.
fn references(cell: &FeatureCell<'_>) -> usize {
    cell.train.len().min(cell.held_out.len().saturating_sub(1))
}
