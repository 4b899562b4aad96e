//! How much images are like the training photos, beside what says whether that is much.
//!
//! The similarity alone says little, because photos of one subject are like each other already. So it stands between a
//! floor, the base model's images on the same noise, and a ceiling: real photos that were never trained on, against the
//! same training photos. Where no photo is held out, the ceiling is the training photos among themselves.

use crate::measures::inputs::mean;
use crate::measures::measure::{Better, Measure, Of};
use crate::measures::similarity::{leave_one_out, nearest};

/// Position of the most similar photo in the cell's list of training photos.
pub const NEAREST_PHOTO: Measure = Measure {
    name: "nearest_photo",
    note: "Position of the most similar training photo, counted from 0 in training order.",
    better: Better::Neither,
    floor: None,
    ceiling: &[],
    of: Of::Image(|pair| Ok(nearest(&pair.thumbnail, pair.photos).map(|(index, _)| index as f64))),
};

/// Similarity of an image to that photo.
pub const NEAREST_SIMILARITY: Measure = Measure {
    name: "nearest_similarity",
    note: "Normalised cross-correlation with the most similar training photo, −1 to 1.",
    floor: Some(BASE.name),
    ceiling: &[HELD_OUT.name, PHOTOS.name],
    of: Of::Image(|pair| Ok(nearest(&pair.thumbnail, pair.photos).map(|(_, similarity)| similarity))),
    ..NEAREST_PHOTO
};

/// The same for the base model's image.
const BASE: Measure = Measure {
    name: "baseline_nearest_similarity",
    note: "The same of the base model's image on the same noise: only a rise above it can be copying.",
    of: Of::Image(|pair| Ok(nearest(&pair.base_thumbnail, pair.photos).map(|(_, similarity)| similarity))),
    ..NEAREST_PHOTO
};

/// Mean similarity of a cell's images.
pub const MEAN: Measure = Measure {
    name: "mean_nearest_similarity",
    note: "Mean over images of the similarity to the most similar training photo.",
    of: Of::Cell(|cell| cell.subject_mean(NEAREST_SIMILARITY.name)),
    ..NEAREST_SIMILARITY
};

/// Largest similarity of a cell's images.
pub const LARGEST: Measure = Measure {
    name: "max_nearest_similarity",
    note: "Largest similarity of an image to a training photo.",
    // The mean of the base model's images is no floor for the largest of others.
    floor: None,
    of: Of::Cell(|cell| cell.subject.iter().filter_map(|values| NEAREST_SIMILARITY.value(values)).reduce(f64::max)),
    ..NEAREST_SIMILARITY
};

/// Photos among themselves.
const PHOTOS: Measure = Measure {
    name: "photo_similarity",
    note: "Mean over training photos of the similarity to the most similar other one.",
    of: Of::Cell(|cell| mean(leave_one_out(cell.photos))),
    ..NEAREST_PHOTO
};

/// The fairer ceiling, against as many photos as an image has.
pub const HELD_OUT: Measure = Measure {
    name: "held_out_similarity",
    note: "Mean over held-out photos of the similarity to the most similar training photo.",
    of: Of::Cell(|cell| {
        mean(cell.held_out.iter().filter_map(|photo| nearest(photo, cell.photos)).map(|(_, similarity)| similarity))
    }),
    ..NEAREST_PHOTO
};

/// Three numbers of an image, then those of a cell.
pub(super) const MEASURES: &[Measure] = &[
    NEAREST_PHOTO,
    NEAREST_SIMILARITY,
    BASE,
    MEAN,
    LARGEST,
    Measure { of: Of::Cell(|cell| cell.subject_mean(BASE.name)), ..BASE },
    PHOTOS,
    HELD_OUT,
];
