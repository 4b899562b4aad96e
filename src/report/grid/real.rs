//! A few photos of the subject, which stay in view beside its images.

use maud::{Markup, html};

use crate::report::data::StudyData;
use crate::report::style::shot::{Shot, photo_id};

/// So many photos are enough to know him by.
const PHOTOS: usize = 3;

/// The photos, with those marked that no cell trains on.
pub(super) fn strip(data: &StudyData, set: &str) -> Markup {
    let chosen = chosen(data);
    if chosen.is_empty() {
        return html! {};
    }
    html! {
        div.real {
            span.label { "the real one" }
            ul.strip data-set={ "real-" (set) } {
                @for (n, (index, unseen)) in chosen.iter().enumerate() {
                    @if let Some((photo, file)) = data.photos.get(*index).and_then(|p| Some((p, p.file.as_deref()?))) {
                        @let alt = format!("photo {}{}", photo.name, if *unseen { ", never trained on" } else { "" });
                        @let (id, size) = (photo_id(*index), (photo.width, photo.height));
                        @let badge = unseen.then(|| "unseen".to_owned());
                        li { (Shot { id, file, size, alt, base: None, at: (0, n), badge }.markup()) }
                    }
                }
            }
        }
    }
}

/// Photos by index, and whether no cell trains on them: two that cells train on and one that none does, where there are
/// such.
fn chosen(data: &StudyData) -> Vec<(usize, bool)> {
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

#[cfg(test)]
mod tests {
    use super::chosen;
    use crate::report::fixture;

    #[test]
    fn one_of_three_photos_is_held_out() {
        let mut data = fixture::study();
        assert_eq!(chosen(&data), [(0, false), (1, false), (6, true)]);
        // A photo that another cell trains on is not unseen.
        data.cells[1].train_photos = vec![0, 1, 6, 7];
        assert_eq!(chosen(&data), [(0, false), (1, false), (6, false)]);
        data.cells.iter_mut().for_each(|cell| cell.train_photos.clear());
        assert_eq!(chosen(&data), [(6, true), (7, true)]);
        data.cells.clear();
        assert!(chosen(&data).is_empty());
    }
}
