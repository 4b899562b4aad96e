//! The few photos that stand for the subject, on the page and on the sheets.

use crate::report::data::StudyData;

/// So many photos are enough to know the subject by.
const PHOTOS: usize = 3;

/// Photos by index, and whether no cell trains on them: two that cells train on and one that none does, where there are
/// such.
pub(crate) fn photos(data: &StudyData) -> Vec<(usize, bool)> {
    let shown = |index: &usize| data.photos.get(*index).is_some_and(|p| p.file.is_some());
    let unique = |photos: Vec<usize>| {
        let mut out: Vec<usize> = Vec::new();
        for photo in photos.into_iter().filter(shown) {
            if !out.contains(&photo) {
                out.push(photo);
            }
        }
        out
    };
    let trained = unique(data.cells.iter().flat_map(|c| &c.train_photos).copied().collect());
    let hash = |index: usize| data.photos.get(index).map(|p| p.hash.as_str());
    let seen = |index: usize| trained.iter().any(|t| hash(*t) == hash(index));
    let unseen: Vec<usize> = unique(data.cells.iter().flat_map(|c| &c.held_out_photos).copied().collect())
        .into_iter()
        .filter(|index| !seen(*index))
        .collect();
    let from_unseen = if trained.len() + 1 < PHOTOS { PHOTOS - trained.len().min(PHOTOS) } else { 1 };
    let unseen: Vec<usize> = unseen.into_iter().take(from_unseen).collect();
    let rest = trained.iter().copied().take(PHOTOS - unseen.len());
    rest.map(|index| (index, false)).chain(unseen.iter().map(|index| (*index, true))).collect()
}

/// Their files in the report.
pub(crate) fn files(data: &StudyData) -> impl Iterator<Item = &str> {
    photos(data).into_iter().filter_map(|(index, _)| data.photos.get(index)?.file.as_deref())
}

#[cfg(test)]
mod tests {
    use super::photos;
    use crate::report::data::StudyData;
    use crate::report::fixture;

    #[test]
    fn one_of_three_photos_is_held_out() {
        let mut data = fixture::study();
        assert_eq!(photos(&data), [(0, false), (1, false), (6, true)]);
        // A photo that another cell trains on is not unseen.
        data.cells[1].train_photos = vec![0, 1, 6, 7];
        assert_eq!(photos(&data), [(0, false), (1, false), (6, false)]);
        data.cells.iter_mut().for_each(|cell| cell.train_photos.clear());
        assert_eq!(photos(&data), [(6, true), (7, true)]);
        data.cells.clear();
        assert!(photos(&data).is_empty() && photos(&StudyData::default()).is_empty());
    }
}
