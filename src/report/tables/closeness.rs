//! When an image counts as close to a training photo.
//!
//! Similarity alone says little: a blurred green image resembles every photo of a lawn. So it is compared
//! with two others: the similarity that unseen real photos reach, and the one that the base model's image on the same
//! noise reaches without knowing any photo.

use crate::measures::record::Values;
use crate::measures::table::copying::{LARGEST, NEAREST_SIMILARITY};
use crate::report::data::{CellData, Group, Picture};

/// An image must be nearer to a photo than the base model's image by more than this: else it has not moved there.
const MARGIN: f64 = 0.05;

/// Is the image nearer to one training photo than unseen photos are, and did the adapter bring it there?
pub(crate) fn is_close(p: &Picture, cell: &Values) -> bool {
    let ceiling = LARGEST.ceiling(cell);
    let Some((similarity, ceiling)) = NEAREST_SIMILARITY.value(&p.values).zip(ceiling) else { return false };
    let moved = NEAREST_SIMILARITY.floor(&p.values).is_none_or(|base| similarity > base + MARGIN);
    p.group == Group::Prompt && similarity > ceiling && moved
}

/// How many of a cell's images are close to a training photo.
pub(crate) fn close_images(cell: &CellData) -> usize {
    let close = |values: &Values| cell.images.iter().filter(|p| is_close(p, values)).count();
    cell.metrics.as_ref().map_or(0, close)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(numbers: &[(&str, f64)]) -> Values {
        numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn close_means_above_the_ceiling_and_brought_there() {
        let cell = values(&[("held_out_similarity", 0.6), ("photo_similarity", 0.9)]);
        let alone =
            |similarity| Picture { values: values(&[("nearest_similarity", similarity)]), ..Picture::default() };
        let with = |similarity, base| {
            let mut picture = alone(similarity);
            picture.values.insert("baseline_nearest_similarity".into(), base);
            picture
        };
        assert!(is_close(&with(0.7, 0.3), &cell));
        assert!(is_close(&alone(0.7), &cell));
        assert!(!is_close(&with(0.5, 0.3), &cell), "below the ceiling");
        assert!(!is_close(&with(0.7, 0.69), &cell), "the base model's image is as near");
        assert!(!is_close(&alone(0.7), &Values::new()), "no ceiling is known");
        let drift = Picture { group: Group::Drift, ..alone(0.7) };
        assert!(!is_close(&drift, &cell));
    }
}
