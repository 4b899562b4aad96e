//! Every image beside the training photo that it is most like.

use std::collections::{BTreeMap, BTreeSet};

use crate::measures::table::copying::{LARGEST, NEAREST_SIMILARITY};
use crate::report::data::{CellData, Group, PhotoData, Picture, StudyData};
use crate::report::tables::closeness;

/// An image with its photo.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'d> {
    /// Index of its cell.
    pub(crate) index: usize,
    pub(crate) cell: &'d CellData,
    pub(crate) image: &'d Picture,
    /// Index of the photo.
    pub(crate) photo_index: usize,
    pub(crate) photo: &'d PhotoData,
    /// How similar the two are.
    pub(crate) similarity: f64,
    /// What real photos reach on average, among the photos of that cell.
    pub(crate) real: Option<f64>,
    /// Whether the image counts as close to the photo.
    pub(crate) close: bool,
}

/// All of them, the closest first. Similarity grows with the number of photos to be similar to, so what counts is how
/// far an image is above what real photos reach among as many. Images that cells share count once.
pub(crate) fn pairs(data: &StudyData) -> Vec<Pair<'_>> {
    let mut seen = BTreeSet::new();
    let own =
        data.cells.iter().enumerate().filter(|(_, cell)| cell.image_job.is_empty() || seen.insert(&cell.image_job));
    let mut pairs: Vec<Pair<'_>> = own.flat_map(|(index, cell)| of_cell(data, index, cell)).collect();
    pairs.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
    pairs
}

fn of_cell<'d>(data: &'d StudyData, index: usize, cell: &'d CellData) -> impl Iterator<Item = Pair<'d>> {
    let real = cell.metrics.as_ref().and_then(|values| LARGEST.ceiling(values));
    cell.images.iter().filter(|image| image.group == Group::Prompt).filter_map(move |image| {
        let photo_index = image.nearest_photo?;
        Some(Pair {
            index,
            cell,
            image,
            photo_index,
            photo: data.photos.get(photo_index)?,
            similarity: NEAREST_SIMILARITY.value(&image.values)?,
            real,
            close: cell.metrics.as_ref().is_some_and(|values| closeness::is_close(image, values)),
        })
    })
}

impl Pair<'_> {
    /// How far the image is above what real photos reach.
    fn excess(&self) -> f64 {
        self.similarity - self.real.unwrap_or(0.0)
    }
}

/// The pairs of each photo, the photo that most images are like first.
pub(crate) fn by_photo<'p, 'd>(pairs: &'p [Pair<'d>]) -> Vec<Vec<&'p Pair<'d>>> {
    let mut photos: BTreeMap<usize, Vec<&Pair<'_>>> = BTreeMap::new();
    for pair in pairs {
        photos.entry(pair.photo_index).or_default().push(pair);
    }
    let mut photos: Vec<Vec<&Pair<'_>>> = photos.into_values().collect();
    photos.sort_by_key(|pairs| std::cmp::Reverse(pairs.len()));
    photos
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_closest_stand_first_by_what_real_photos_reach() {
        let mut data = fixture::study();
        // Real photos of the second cell are much more alike, so its images are less close.
        data.cells[1].metrics.iter_mut().for_each(|m| m.extend([("held_out_similarity".to_owned(), 0.99)]));
        data.cells[1].images.iter_mut().for_each(|p| p.values.extend([("nearest_similarity".to_owned(), 0.95)]));
        let pairs = pairs(&data);
        assert_eq!(pairs.len(), 8, "four prompt images of each finished cell");
        assert!(pairs[..4].iter().all(|pair| pair.index == 0), "by excess, not by similarity");
        assert!(pairs[0].close && !pairs[7].close);
        let photos = by_photo(&pairs);
        assert_eq!(photos.iter().map(Vec::len).sum::<usize>(), 8);
        assert!(photos.windows(2).all(|two| two[0].len() >= two[1].len()));
    }

    #[test]
    fn shared_images_count_once() {
        let mut data = fixture::study();
        data.cells[1].image_job = data.cells[0].image_job.clone();
        assert_eq!(pairs(&data).len(), 4);
    }
}
