//! The photos each cell trained on.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::report::data::{PhotoData, StudyData};
use crate::report::finding::held_out_title;
use crate::report::naming::axis;
use crate::report::style::definitions;
use crate::report::style::shot::Shot;
use crate::text;

/// One strip per set of photos; what a set adds to the one before is outlined.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    let mut sets: Vec<&[usize]> = Vec::new();
    for cell in &data.cells {
        if !sets.contains(&cell.train_photos.as_slice()) {
            sets.push(&cell.train_photos);
        }
    }
    sets.retain(|s| !s.is_empty());
    sets.sort_by_key(|s| s.len());
    let mut held_out: Vec<&[usize]> = Vec::new();
    for cell in &data.cells {
        if !cell.held_out_photos.is_empty() && !held_out.contains(&cell.held_out_photos.as_slice()) {
            held_out.push(&cell.held_out_photos);
        }
    }
    let html = html! {
        h2 { "The photos" }
        p {
            @if data.photos.iter().any(|p| p.file.is_some()) { "Square crops as the model sees them." }
            @if sets.len() > 1 { " Photos that are not in the set before are outlined in colour." }
        }
        @for (i, set) in sets.iter().enumerate() {
            @let before: &[usize] = if i == 0 { &[] } else { sets[i - 1] };
            h3 { (text::count(set.len(), "training photo")) (which(data, &sets, set)) }
            (strip(data, set, "photos", |p| i > 0 && !before.contains(&p)))
        }
        @for set in &held_out {
            div.apart {
                h3 { (held_out_title(data, set.len())) }
                (strip(data, set, "unseen", |_| false))
            }
        }
        @if !data.skipped.is_empty() {
            details {
                summary { (text::count(data.skipped.len(), "file")) " of the photo folder not used" }
                (definitions::list(data.skipped.iter().map(|s| (s.name.as_str(), s.reason.as_str()))))
            }
        }
    };
    Some(Section { id: "photos", title: "Photos", html, markdown: String::new() })
}

/// What distinguishes a set from others with as many photos: the photo seed or folder of the first cell that uses it.
fn which(data: &StudyData, sets: &[&[usize]], set: &[usize]) -> String {
    let alone = sets.iter().filter(|s| s.len() == set.len()).count() < 2;
    let cell = data.cells.iter().find(|c| c.train_photos == set);
    let own = cell
        .into_iter()
        .flat_map(|c| &c.assignments)
        .filter(|s| s.key.starts_with("dataset.") && !axis::counts_photos(&s.key));
    let own = axis::say_all(own);
    if alone || own.is_empty() { String::new() } else { format!(" ({own})") }
}

/// One set of photos; `name` is what the large view calls it.
fn strip(data: &StudyData, set: &[usize], name: &str, new: impl Fn(usize) -> bool) -> Markup {
    let captions = set.iter().any(|i| data.photos.get(*i).is_some_and(|p| p.caption.is_some()));
    html! {
        ul.strip.captions[captions] data-set=(name) {
            @for index in set {
                @if let Some(photo) = data.photos.get(*index) {
                    li class=[new(*index).then_some("new")] { (one(photo, *index, new(*index))) }
                }
            }
        }
    }
}

fn one(photo: &PhotoData, index: usize, new: bool) -> Markup {
    let mut alt = format!("photo {}", photo.name);
    if let Some(caption) = &photo.caption {
        alt.push_str(&format!(": {caption}"));
    }
    if new {
        alt.push_str(" (new in this set)");
    }
    html! {
        @match Shot::photo(index, photo, alt) {
            Some(shot) => (shot.markup()),
            None => span { (photo.name) },
        }
        @if let Some(caption) = &photo.caption { small.cap { (caption) } }
    }
}
