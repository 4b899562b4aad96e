//! When an image counts as close to a training photo.
//!
//! Similarity alone says little: a blurred green image resembles every photo of a lawn. So it is held
//! against two others: what real photos the model never saw reach, and what the base model's image on
//! the same noise reaches without knowing any photo.

use crate::report::data::{CellData, Group, Metrics, Picture};

/// An image that is only this much nearer to a photo than the base model's image has not moved there.
const MARGIN: f64 = 0.05;

/// What unseen real photos of the subject reach; photos among themselves when none are held out.
pub(crate) fn ceiling(m: &Metrics) -> Option<f64> {
    m.held_out_similarity.or(m.photo_similarity)
}

/// Is the image nearer to one training photo than unseen photos are, and did the adapter bring it there?
pub(crate) fn is_close(p: &Picture, m: &Metrics) -> bool {
    let Some((similarity, ceiling)) = p.nearest_similarity.zip(ceiling(m)) else { return false };
    let moved = p.baseline_nearest_similarity.is_none_or(|base| similarity > base + MARGIN);
    p.group == Group::Prompt && similarity > ceiling && moved
}

/// How many of a cell's images are close to a training photo.
pub(crate) fn close_images(cell: &CellData, m: &Metrics) -> usize {
    cell.images.iter().filter(|p| is_close(p, m)).count()
}

/// The image most like a training photo.
pub(crate) fn closest(cell: &CellData) -> Option<&Picture> {
    cell.images
        .iter()
        .filter(|p| p.group == Group::Prompt && p.nearest_photo.is_some())
        .filter_map(|p| Some((p, p.nearest_similarity.filter(|s| s.is_finite())?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(p, _)| p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_means_above_the_ceiling_and_brought_there() {
        let m = Metrics { held_out_similarity: Some(0.6), photo_similarity: Some(0.9), ..Metrics::default() };
        let with = |similarity, base| Picture {
            nearest_similarity: Some(similarity),
            baseline_nearest_similarity: base,
            ..Picture::default()
        };
        assert!(is_close(&with(0.7, Some(0.3)), &m));
        assert!(is_close(&with(0.7, None), &m));
        assert!(!is_close(&with(0.5, Some(0.3)), &m), "below the ceiling");
        assert!(!is_close(&with(0.7, Some(0.69)), &m), "the base model's image is as near");
        assert!(!is_close(&with(0.7, None), &Metrics::default()), "no ceiling is known");
        let drift = Picture { group: Group::Drift, ..with(0.7, None) };
        assert!(!is_close(&drift, &m));
    }
}
