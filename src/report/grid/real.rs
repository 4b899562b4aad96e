//! A few photos of the subject, which stay in view beside its images.

use maud::{Markup, html};

use crate::report::data::StudyData;
use crate::report::naming::subject;
use crate::report::style::shot::Shot;

/// The photos, with those marked that no cell trains on.
pub(super) fn strip(data: &StudyData, set: &str) -> Markup {
    let chosen = subject::photos(data);
    if chosen.is_empty() {
        return html! {};
    }
    html! {
        div.real {
            span.label { "the real one" }
            ul.strip data-set={ "real-" (set) } {
                @for (index, unseen) in &chosen {
                    @let badge = unseen.then(|| "unseen".to_owned());
                    @let never = if *unseen { ", never trained on" } else { "" };
                    @let shot = |photo| Shot::photo(*index, photo, format!("photo {}{never}", photo.name));
                    @if let Some(shot) = data.photos.get(*index).and_then(shot) {
                        li { (Shot { badge, ..shot }.markup()) }
                    }
                }
            }
        }
    }
}
